"""Backups: everything that is truth in one file, and back."""
