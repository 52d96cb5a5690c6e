"""How long a broker waits for a sandbox's git."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Seconds for the whole head of a request, from when its connection was free for it, and for the next byte of its
    body."""

    head_s: float = 10.0
    body_s: float = 300.0


USUAL = Patience()
