"""Deleting people, with receipts."""
