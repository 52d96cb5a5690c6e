"""Errand's gateway."""
