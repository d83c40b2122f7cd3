"""Runs: bulk work with progress."""
