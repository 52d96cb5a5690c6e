"""Which conversation between scheduler and runner a program knows. Releases that know one in common work together."""

from dataclasses import dataclass

DRAIN_CAUSE = "drain-cause"
"""A runner that knows the stop cause DRAIN; others are told a deadline."""

FEATURES = (DRAIN_CAUSE,)
"""What this release's runner says of itself: what may be asked of it beyond the conversation's number."""


@dataclass(frozen=True)
class Protocol:
    """The conversations that a program knows, from the oldest to the newest. The number rises where an older peer would
    go wrong, not where it would merely miss something: that is a feature."""

    oldest: int
    newest: int

    def common(self, other: "Protocol") -> int | None:
        """The newest that both know; none where there is none."""
        newest = min(self.newest, other.newest)
        return newest if newest >= max(self.oldest, other.oldest) else None


OURS = Protocol(oldest=1, newest=1)
"""What this release knows."""

BEFORE_NUMBERS = Protocol(oldest=1, newest=1)
"""Of a peer that does not say: it is of before there were numbers."""
