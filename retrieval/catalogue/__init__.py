"""The truth: people, photos, faces, vectors and the change log, in SQL."""
