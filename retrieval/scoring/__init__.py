"""How a person is scored: one rule, and the space in which vectors are compared."""
