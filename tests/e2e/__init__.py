"""Whole errands: three real services, real containers, stand-ins for Claude and GitHub."""
