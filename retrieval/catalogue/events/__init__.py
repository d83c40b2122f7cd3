"""Events in the catalogue: their photos, the faces found in them, and what humans said of these."""
