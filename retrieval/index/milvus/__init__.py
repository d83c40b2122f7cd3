"""Searching vectors in Milvus: a server's collections, fed by the change log."""
