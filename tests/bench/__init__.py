"""Measurements beside a peer or a ceiling of the same run."""
