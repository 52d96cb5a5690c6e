"""What is being said and printed right now, kept in memory for those who come in the middle of it."""

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from errand.v1 import event_pb2, task_pb2
from errand.v1.event_pb2 import Delta, EventBody
from errand_common.values import AttemptPhase
from errand_common.wire import number

KEPT_BYTES = 16 * 1024
"""What is kept of one block at least, if it is so long: its end."""

_TRIM_BYTES = 2 * KEPT_BYTES  # cut back only now and then: a cut copies the text
_BLOCKS_PER_TASK = 16
_BYTES = 8 * 1024 * 1024  # of all blocks; those that have been still for the longest go first
_CLOSED_PER_TASK = 64  # subjects remembered as covered, against pieces that come late or twice
_WORDS = (event_pb2.DELTA_KIND_TEXT, event_pb2.DELTA_KIND_THINKING)
_FINAL = {number(task_pb2.AttemptPhase, phase) for phase in AttemptPhase if phase.final}

_Key = tuple[str, int]  # of a block within its task: the subject, and what the text is


@dataclass(frozen=True)
class Covered:
    """What of a task an event makes void, because the event says it, or says that it will never be whole.

    `all_words` are those so far: the next reply's may have overtaken the event, and goes on.
    """

    everything: bool = False
    all_words: bool = False
    message_id: str = ""
    tool_call_id: str = ""
    step_id: str = ""
    before_step_id: str = ""

    def __contains__(self, key: _Key) -> bool:
        subject_id, kind = key
        if self.everything:
            return True
        if kind in _WORDS:
            # Ids rise with time: an older reply that never became a message was cut off, and is void.
            return self.all_words or subject_id <= self.message_id
        if kind == event_pb2.DELTA_KIND_STEP:
            # The same for steps: one that another process of the runner began anew has another id.
            return subject_id <= self.step_id or subject_id < self.before_step_id
        return subject_id == self.tool_call_id


def covered_by(body: EventBody) -> Covered | None:
    """None for an event that leaves what is open alone."""
    match body.WhichOneof("kind"):
        case "message_appended":
            return Covered(message_id=body.message_appended.message_id)
        case "tool_call_finished":
            return Covered(tool_call_id=body.tool_call_finished.tool_call_id)
        case "step_started":
            return Covered(before_step_id=body.step_started.step_id)
        case "step_finished" if body.step_finished.step_id:
            return Covered(step_id=body.step_finished.step_id)
        case "model_delayed" | "reply_dropped" | "conversation_shortened" | "sandbox_adopted":
            return Covered(all_words=True)
        case "attempt_phase_changed" if body.attempt_phase_changed.phase in _FINAL:
            return Covered(everything=True)
    return None


@dataclass
class _Block:
    """A text without a hole; `offset` code points came before it."""

    offset: int
    text: str = ""
    size_bytes: int = 0

    def take(self, delta: Delta) -> None:
        """Go on with a piece. Of one that came before, what is new; after a hole, from there."""
        end = self.offset + len(self.text)
        if delta.offset > end:
            self.offset, self.text, self.size_bytes = delta.offset, "", 0
            end = delta.offset
        piece = delta.text[end - delta.offset :]
        self.text += piece
        self.size_bytes += len(piece.encode())
        if self.size_bytes > _TRIM_BYTES:
            self._trim()

    def _trim(self) -> None:
        # A character that is cut in two falls out.
        kept = self.text.encode()[-KEPT_BYTES:].decode(errors="ignore")
        self.offset += len(self.text) - len(kept)
        self.text, self.size_bytes = kept, len(kept.encode())

    def newest(self) -> tuple[int, str]:
        """The end of it, and the code points before that."""
        if self.size_bytes > KEPT_BYTES:
            self._trim()
        return self.offset, self.text


@dataclass
class _Task:
    """What is open in one task's attempt."""

    user_id: str
    blocks: dict[_Key, _Block] = field(default_factory=dict)
    closed: deque[str] = field(default_factory=lambda: deque(maxlen=_CLOSED_PER_TASK))


class OpenBlocks:
    """Bounded in bytes, and in number for each task; what was thrown away goes on as a block with a later beginning."""

    def __init__(self) -> None:
        self._tasks: dict[str, _Task] = {}
        self._by_age: OrderedDict[tuple[str, _Key], None] = OrderedDict()
        self._bytes = 0

    def __contains__(self, task_id: str) -> bool:
        """Whether anything of the task is kept."""
        return task_id in self._tasks

    def add(self, user_id: str, delta: Delta) -> bool:
        """Take in a piece; false if it belongs to what is covered already, and must not be shown any more."""
        task = self._tasks.setdefault(delta.task_id, _Task(user_id))
        if delta.subject_id in task.closed:
            return False
        key = (delta.subject_id, int(delta.kind))
        block = task.blocks.setdefault(key, _Block(delta.offset))
        self._bytes -= block.size_bytes
        block.take(delta)
        self._bytes += block.size_bytes
        self._by_age[delta.task_id, key] = None
        self._by_age.move_to_end((delta.task_id, key))
        self._make_room(delta.task_id, task)
        return True

    def cover(self, task_id: str, covered: Covered) -> None:
        """Let go of what a durable event covers; again changes nothing."""
        task = self._tasks.get(task_id)
        if task is None:
            return
        for key in [key for key in task.blocks if key in covered]:
            if not covered.all_words:
                task.closed.append(key[0])
            self._drop(task_id, key)
        if covered.everything:
            del self._tasks[task_id]
            return
        subjects = (covered.message_id, covered.tool_call_id, covered.step_id)
        task.closed.extend(subject for subject in subjects if subject)

    def snapshots(self, user_id: str, task_id: str, *, limit_bytes: int) -> list[Delta]:
        """What is open in a task, or in all of the user's, as far as it has come; the longest still are left out
        where it is too much."""
        taken: list[Delta] = []
        for open_task_id, (subject_id, kind), block in self._of(user_id, task_id):
            offset, text = block.newest()
            limit_bytes -= block.size_bytes
            if limit_bytes < 0:
                break
            taken.append(
                Delta(
                    task_id=open_task_id,
                    subject_id=subject_id,
                    kind=kind,  # type: ignore[arg-type]  # a number of the enum
                    text=text,
                    offset=offset,
                )
            )
        return taken[::-1]

    def _of(self, user_id: str, task_id: str) -> Iterator[tuple[str, _Key, _Block]]:
        """The latest first."""
        for open_task_id, key in reversed(self._by_age):
            task = self._tasks[open_task_id]
            if task.user_id == user_id and task_id in ("", open_task_id):
                yield open_task_id, key, task.blocks[key]

    def _make_room(self, task_id: str, task: _Task) -> None:
        if len(task.blocks) > _BLOCKS_PER_TASK:
            self._drop(task_id, next(key for each, key in self._by_age if each == task_id))
        while self._bytes > _BYTES:
            self._drop(*next(iter(self._by_age)))

    def _drop(self, task_id: str, key: _Key) -> None:
        block = self._tasks[task_id].blocks.pop(key)
        self._bytes -= block.size_bytes
        del self._by_age[task_id, key]
