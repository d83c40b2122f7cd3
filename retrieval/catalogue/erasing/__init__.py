"""Deleting people for good, and the search for what mentions them."""
