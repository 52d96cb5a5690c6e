"""What a runner was told of an attempt, as far as that changes."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from errand_common.values import AttemptPhase, InputKind
from errand_scheduler.store import inputs
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.inputs import Input, Waiting
from errand_scheduler.store.reader import Reader

_INPUT_BYTES = 128 * 1024  # of one attempt's inputs, in one message to the model: the rest follows once these are taken


@dataclass(frozen=True)
class Told:
    """Whether the attempt is to stop, which inputs wait for it, oldest first, and which were taken back."""

    stopping: bool
    inputs: tuple[Input, ...]
    removed: frozenset[str]

    def covered_by(self, before: "Told | None") -> bool:
        """Whether there is nothing new to tell. That inputs were taken up, the runner knows first."""
        if before is None or self.stopping != before.stopping:
            return False
        known = {each.input_id: each for each in before.inputs}
        news = any(known.get(each.input_id) != each for each in self.inputs)
        return not news and not any(input_id in known for input_id in self.removed)


async def to_tell(reader: Reader, live: Sequence[Attempt]) -> dict[str, Told]:
    """What there is to tell of each of these live attempts."""
    if not live:
        return {}
    untaken = defaultdict[str, list[Waiting]](list)
    for each in await reader.all(inputs.untaken_of_attempts([attempt.attempt_id for attempt in live])):
        untaken[each.attempt_id].append(each)
    waiting = await _texts(reader, untaken.values())
    return {
        attempt.attempt_id: Told(
            stopping=attempt.phase is AttemptPhase.STOPPING,
            inputs=tuple(waiting[attempt.task_id]),
            removed=frozenset(each.input_id for each in untaken[attempt.attempt_id] if each.removed),
        )
        for attempt in live
    }


async def _texts(reader: Reader, untaken: Iterable[Sequence[Waiting]]) -> Mapping[str, list[Input]]:
    """What still waits of each attempt's inputs and fits into a message, by task: each has one live attempt."""
    chosen = [input_id for each in untaken for input_id in _fitting([one for one in each if not one.removed])]
    waiting = defaultdict[str, list[Input]](list)
    for each in await reader.all(inputs.among(chosen)) if chosen else []:
        if each.taken_message_id is None and each.removed_time is None:
            waiting[each.task_id].append(each)
    return waiting


def _fitting(waiting: Sequence[Waiting]) -> list[str]:
    """The oldest, as many as one message to the model holds."""
    # What steers goes before what is queued: it is for the running turn. The sort is stable.
    ordered = sorted(waiting, key=lambda each: each.kind is InputKind.QUEUE)
    totals = itertools.accumulate(each.size_bytes for each in ordered)
    return [each.input_id for each, total in zip(ordered, totals, strict=True) if total <= _INPUT_BYTES]
