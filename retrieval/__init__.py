"""Rollcall's library and service: photos, faces, embeddings, catalogue, index, identities."""
