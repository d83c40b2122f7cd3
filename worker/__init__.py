"""Bulk work through RQ on Redis."""
