"""The REST surface under /v1."""
