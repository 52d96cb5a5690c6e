"""Transient pieces on their way up: joined while they wait, and lost where too many do."""

import asyncio
from collections import deque

from errand.v1.event_pb2 import DELTA_KIND_OUTPUT, DELTA_KIND_STEP, Delta, DeltaKind

DELTA_CHARACTERS = 16 * 1024 // 4
"""The largest piece of transient text, whatever its characters weigh (contract: Delta.text)."""

DELTA_LIMIT = 1000
"""Transient pieces that may wait; the oldest fall out, since a durable event covers them later."""

_NO_WORDS = (DELTA_KIND_OUTPUT, DELTA_KIND_STEP)


class Deltas:
    """Transient pieces that wait for the sender; neighbours of one subject are joined."""

    def __init__(self, changed: asyncio.Event) -> None:
        self._waiting: deque[Delta] = deque(maxlen=DELTA_LIMIT)
        self._changed = changed

    def add(self, delta: Delta) -> None:
        """Hand over a piece. Never waits. What falls out leaves a hole that the next piece's offset shows."""
        last = self._waiting[-1] if self._waiting else None
        if last is not None and _follows(delta, last):
            last.text += delta.text
        else:
            self._waiting.append(delta)
        self._changed.set()

    def take(self, *, limit_bytes: int) -> list[Delta]:
        """The oldest that wait, as many as fit."""
        taken: list[Delta] = []
        while self._waiting and (limit_bytes := limit_bytes - self._waiting[0].ByteSize()) >= 0:
            taken.append(self._waiting.popleft())
        return taken


class Pieces:
    """One task's pieces, each with how many characters of its subject and kind came before it."""

    def __init__(self, deltas: Deltas, *, task_id: str) -> None:
        self._deltas, self._task_id = deltas, task_id
        self._counts: dict[tuple[str, DeltaKind.ValueType], int] = {}

    def add(self, subject_id: str, kind: "DeltaKind.ValueType", text: str) -> None:
        """More of a subject."""
        offset = self._counts.get((subject_id, kind), 0)
        self._counts[subject_id, kind] = offset + len(text)
        for start in range(0, len(text), DELTA_CHARACTERS):
            piece = text[start : start + DELTA_CHARACTERS]
            self._deltas.add(
                Delta(task_id=self._task_id, subject_id=subject_id, kind=kind, text=piece, offset=offset + start)
            )

    def end(self, subject_id: str) -> None:
        """No more of this subject comes."""
        self._counts = {key: count for key, count in self._counts.items() if key[0] != subject_id}

    def end_messages(self) -> None:
        """No more of any message comes: what was said so far is void."""
        self._counts = {key: count for key, count in self._counts.items() if key[1] in _NO_WORDS}


def _follows(delta: Delta, last: Delta) -> bool:
    """Whether a piece continues another without a hole, and both fit into one."""
    same = (last.subject_id, last.kind) == (delta.subject_id, delta.kind)
    end = last.offset + len(last.text)
    return same and delta.offset == end and len(last.text) + len(delta.text) <= DELTA_CHARACTERS
