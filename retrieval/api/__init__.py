"""HTTP API and web app."""
