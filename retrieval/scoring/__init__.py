"""How a person is scored: one rule."""
