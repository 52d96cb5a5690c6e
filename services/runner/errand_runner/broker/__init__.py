"""The sandbox's only way out, and the place where credentials are added."""
