"""Which event breaks the stream: found by sending less and less of what was on its way when it broke."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LIMIT = 5
"""How often the same event may be in trouble before something is done about it (ARCHITECTURE.md, Dispatch 10)."""


@dataclass(frozen=True)
class Span:
    """Events of one attempt that were sent and not acknowledged, by their numbers, both included."""

    first: int
    last: int


class Strikes:
    """How often in a row each attempt was in trouble at the same event."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, int]] = {}

    def add(self, attempt_id: str, sequence: int) -> int:
        """Once more; how often it is now. Another event than last time begins anew."""
        struck, count = self._counts.get(attempt_id, (sequence, 0))
        count = count + 1 if struck == sequence else 1
        self._counts[attempt_id] = (sequence, count)
        return count

    def drop(self, attempt_id: str) -> None:
        """It is in trouble no more."""
        self._counts.pop(attempt_id, None)


@dataclass
class _Group:
    """Attempts under suspicion, with the last of their events that is; `broke` says that one of them surely is bad."""

    lasts: dict[str, int]
    broke: bool


class Suspicion:
    """What is known of events that break streams. It outlives the streams.

    An event that breaks each stream on which it is sent is unacknowledged at each break. So what was there each time
    is suspected, and tried alone, by halves: attempts first, then events of the one that is left. One trial goes at a
    time, with nothing beside it, so that a break is its own.
    """

    def __init__(self) -> None:
        self.refusals = Strikes()
        """Of attempts whose events were answered by a refusal that may pass; kept here, where it outlives a stream."""
        self._strikes = Strikes()
        self._groups: list[_Group] = []

    @property
    def active(self) -> bool:
        """Whether anything is suspected."""
        return bool(self._groups)

    def suspects(self, attempt_id: str) -> bool:
        """Whether an attempt's events go only on trial."""
        return any(attempt_id in group.lasts for group in self._groups)

    def note_break(self, in_flight: Mapping[str, Span]) -> None:
        """A stream broke in which these were on their way, none of them on trial."""
        struck = {each: self._strikes.add(each, span.first) for each, span in in_flight.items()}
        suspected = {each: in_flight[each].last for each, count in struck.items() if count >= LIMIT}
        for attempt_id in suspected:
            self._strikes.drop(attempt_id)
        if suspected:
            self._groups.append(_Group(suspected, broke=True))

    def acquit(self, acked: Mapping[str, int]) -> None:
        """Who came through is suspected no more; `acked` says of every attempt there is how far it is acknowledged."""
        for group in self._groups:
            group.lasts = {each: last for each, last in group.lasts.items() if acked.get(each, last) < last}
        self._groups = [group for group in self._groups if group.lasts]

    def trial(self, acked: Mapping[str, int]) -> dict[str, int]:
        """What to send next on trial: attempts, each with the last event to send. `acked` as for `acquit`."""
        self.acquit(acked)
        if not self._groups:
            return {}
        group = self._groups[0]
        if not group.broke:
            return dict(group.lasts)
        if len(group.lasts) > 1:
            return self._first_half(group)
        ((attempt_id, last),) = group.lasts.items()
        return {attempt_id: acked[attempt_id] + max((last - acked[attempt_id]) // 2, 1)}

    def note_trial_broke(self, sent: Mapping[str, Span]) -> str | None:
        """A stream broke in which only this trial was on its way. The attempt whose one event it surely was, if so."""
        if len(sent) == 1:
            ((attempt_id, span),) = sent.items()
            if span.first == span.last and self._strikes.add(attempt_id, span.first) >= LIMIT:
                self.clear(attempt_id)
                return attempt_id
        bad = _Group({each: span.last for each, span in sent.items()}, broke=True)
        others = [
            _Group({each: last for each, last in group.lasts.items() if each not in sent}, broke=False)
            for group in self._groups
        ]
        self._groups = [group for group in [bad, *others] if group.lasts]
        return None

    def clear(self, *attempt_ids: str) -> None:
        """These were answered, be it by a refusal of their own: no stream broke of them."""
        for attempt_id in attempt_ids:
            self._strikes.drop(attempt_id)
            for group in self._groups:
                group.lasts.pop(attempt_id, None)
        self._groups = [group for group in self._groups if group.lasts]

    def forget(self, attempt_id: str) -> None:
        """The attempt is over: nothing of it is sent any more."""
        self.refusals.drop(attempt_id)
        self.clear(attempt_id)

    def _first_half(self, group: _Group) -> dict[str, int]:
        """Split a group: where the first half comes through, the other is to blame."""
        each = list(group.lasts)
        half = _part(group.lasts, each[: len(each) // 2])
        rest = _part(group.lasts, each[len(each) // 2 :])
        self._groups[:1] = [_Group(half, broke=False), _Group(rest, broke=True)]
        return dict(half)


def _part(lasts: Mapping[str, int], attempt_ids: Iterable[str]) -> dict[str, int]:
    return {each: lasts[each] for each in attempt_ids}
