"""The vectors of a collection's models, and which models it has."""
