"""Attempts to break out of a sandbox, each from inside it, through the tools that Claude has."""
