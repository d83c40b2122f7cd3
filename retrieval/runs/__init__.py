"""Bulk work: runs and the files that they leave."""
