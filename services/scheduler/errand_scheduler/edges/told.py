"""What a runner was told of an attempt, as far as that changes."""

import itertools
from collections import defaultdict
from collections.abc import Sequence
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


async def to_tell(reader: Reader, runner_id: str, live: Sequence[Attempt]) -> dict[str, Told]:
    """What there is to tell of each of the runner's live attempts."""
    waiting = defaultdict[str, list[Waiting]](list)
    for each in await reader.all(inputs.untaken_of_runner(runner_id)):
        waiting[each.attempt_id].append(each)
    return {attempt.attempt_id: await _of_attempt(reader, attempt, waiting[attempt.attempt_id]) for attempt in live}


async def _of_attempt(reader: Reader, attempt: Attempt, untaken: Sequence[Waiting]) -> Told:
    chosen = _fitting([each for each in untaken if not each.removed])
    found = await reader.all(inputs.among(chosen)) if chosen else []
    return Told(
        stopping=attempt.phase is AttemptPhase.STOPPING,
        inputs=tuple(each for each in found if each.taken_message_id is None and each.removed_time is None),
        removed=frozenset(each.input_id for each in untaken if each.removed),
    )


def _fitting(waiting: Sequence[Waiting]) -> list[str]:
    """The oldest, as many as one message to the model holds."""
    # What steers goes before what is queued: it is for the running turn. The sort is stable.
    ordered = sorted(waiting, key=lambda each: each.kind is InputKind.QUEUE)
    totals = itertools.accumulate(each.size_bytes for each in ordered)
    return [each.input_id for each, total in zip(ordered, totals, strict=True) if total <= _INPUT_BYTES]
