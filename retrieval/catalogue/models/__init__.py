"""The vectors and spaces of a collection's models."""
