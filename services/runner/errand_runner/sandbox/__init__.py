"""Locked-down containers, and the way into them."""
