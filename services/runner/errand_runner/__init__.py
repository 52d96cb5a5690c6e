"""Errand's runner."""
