"""Editing people, taking photos of them in, naming strangers."""
