"""Which calls of a reply may run at the same time: those that only read, where they stand together."""

from collections.abc import Sequence
from itertools import groupby

from errand_runner.agent.transcript import ToolCall

READ_ONLY = frozenset({"read", "glob", "grep"})
"""They change nothing, say nothing on the way, and end soon."""


def groups_of(calls: Sequence[ToolCall]) -> list[list[ToolCall]]:
    """The calls in their order; all of one group at the same time, the groups one after the other."""
    groups: list[list[ToolCall]] = []
    for reads, together in groupby(calls, key=lambda call: call.name in READ_ONLY):
        found = list(together)
        groups += [found] if reads else [[call] for call in found]
    return groups
