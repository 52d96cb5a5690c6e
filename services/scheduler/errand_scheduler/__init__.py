"""Errand's scheduler."""
