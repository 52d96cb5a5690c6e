"""A limit of time, in words for people."""


def limit_words(limit_s: float) -> str:
    """In minutes, or in seconds where it is short."""
    return f"{limit_s / 60:.0f} minutes" if limit_s >= 120 else f"{limit_s:g} s"
