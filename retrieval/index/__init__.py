"""Searching vectors: exact, FAISS IVF, and the gallery of people over them."""
