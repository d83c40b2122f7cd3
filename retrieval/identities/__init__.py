"""From matches to decisions: pure functions."""
