"""From chips to unit vectors."""
