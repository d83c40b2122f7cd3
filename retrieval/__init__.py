"""Rollcall's library and service: photos, faces, embeddings, catalogue, index, identities."""

import os

# FAISS's idle threads sleep instead of spinning: many processes share a machine's cores, and
# spinning made searches ten times as slow where others compute (docs/tuning.md). OpenMP reads this
# when it is loaded, so it stands before every import.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
