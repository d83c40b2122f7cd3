"""Sealing: vectors and files that only the holder of a key can read."""
