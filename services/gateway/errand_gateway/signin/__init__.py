"""Signing in with GitHub, for browsers and for apps (RFC 8252)."""
