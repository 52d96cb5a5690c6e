"""What is done when the disk of this host runs full under work: a pure decision, from what is free and who has what."""

from collections.abc import Sequence
from dataclasses import dataclass

from errand_common.disk import in_words
from errand_runner.book import Holding


@dataclass(frozen=True)
class Marks:
    """Below `stop_bytes` everything stands still; from `go_bytes` on it goes on."""

    stop_bytes: int
    go_bytes: int


def marks_of(min_free_bytes: int) -> Marks:
    """From ERRAND_MIN_FREE_BYTES, below which no work is begun: a quarter of it is what work at hand may not touch. It
    goes on from half of it: nothing that is written between two looks shall stop it again at once."""
    return Marks(stop_bytes=min_free_bytes // 4, go_bytes=min_free_bytes // 2)


@dataclass(frozen=True)
class Writer:
    """An attempt with a sandbox, and by how much its workspace grew since room began to get short; None: not known."""

    attempt_id: str
    grown_bytes: int | None


@dataclass(frozen=True)
class Stop:
    """Everything stands still."""


@dataclass(frozen=True)
class Go:
    """Everything goes on."""


@dataclass(frozen=True)
class Remove:
    """A workspace that nobody uses makes room."""

    holding: Holding


@dataclass(frozen=True)
class End:
    """The attempt that wrote most makes room for the others."""

    writer: Writer


Action = Stop | Go | Remove | End | None


def decide(
    free_bytes: int, marks: Marks, *, standing: bool, idle: Sequence[Holding] = (), writers: Sequence[Writer] = ()
) -> Action:
    """What to do now. `idle`: workspaces that nobody uses, in the order in which they go. With nobody left to make room
    it stands still until a person does."""
    if not standing:
        return Stop() if free_bytes < marks.stop_bytes else None
    if free_bytes >= marks.go_bytes:
        return Go()
    if idle:
        return Remove(idle[0])
    if writers:
        # Ids rise with time: of equals the youngest has least to lose.
        return End(max(writers, key=lambda writer: (writer.grown_bytes or 0, writer.attempt_id)))
    return None


def why_still(free_bytes: int) -> str:
    """For whoever watches the task."""
    return f"the disk of its host is nearly full ({in_words(free_bytes)} are free); it goes on once there is room"


def why_given_up(writer: Writer) -> str:
    """For whoever sent the task."""
    wrote = "" if writer.grown_bytes is None else f" ({in_words(writer.grown_bytes)} lately)"
    return (
        f"the disk of its host ran full, and this task had written most{wrote}: it was ended so that others go on; have"
        " it write less, or give the host a larger disk, then send the task on"
    )
