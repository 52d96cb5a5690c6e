"""A board that follows a world and is swept, and a disk that may be full."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from errand_scheduler.board import Board
from errand_scheduler.lifecycle.turns import Holder
from errand_scheduler.modes import Modes
from errand_scheduler.store import attempts, clocked
from errand_scheduler.store.notices import AttemptMoved, DeadlineSet, Notice
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Write, Writer
from errand_scheduler.sweeper import Sweeper
from tests.unit.scheduler.world import DURATIONS, World

T = TypeVar("T")


def hear(board: Board, notices: Iterable[Notice]) -> None:
    """What the announcer has a board hear."""
    for notice in notices:
        if isinstance(notice, AttemptMoved):
            board.apply(notice.attempt)
        elif isinstance(notice, DeadlineSet):
            board.follow(notice)


def follow(world: World, board: Board) -> None:
    """The notices so far."""
    hear(board, world.notices)
    world.notices.clear()


class FullDisk(Writer):
    """Writes to the world, and says that its disk is full where told to."""

    def __init__(self, world: World) -> None:
        self._writer = world.writer
        self.full = False

    async def write(self, fn: Callable[[Tx], T], *, size_bytes: int = 0, urgent: bool = False) -> T:
        assert urgent
        return await self._writer.write(fn, size_bytes=size_bytes, urgent=urgent)

    async def write_each(self, writes: Sequence[Write[T]], *, urgent: bool = False) -> list[T | Exception]:
        assert urgent
        return await self._writer.write_each(writes, urgent=urgent)

    @property
    def degraded(self) -> bool:
        return self.full

    @property
    def load(self) -> float:
        return 0.0


class Watched:
    """A board that follows a world, swept twice a beat."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.disk = FullDisk(world)
        self.board = Board(world.clock, DURATIONS)
        self.sweeper = Sweeper(self.disk, self.board, Modes(world.clock), world.clock, DURATIONS)

    async def restore(self, reader: Reader) -> None:
        self.board.restore(await reader.all(attempts.live()), await reader.all(clocked.every()))
        self.world.notices.clear()

    async def leap(self, beats: float, *beating: Holder) -> None:
        """Much time at once: the sweeper takes it for its own absence, and lets everybody be heard of again."""
        self.world.clock.move(beats * DURATIONS.beat_s)
        await self.sweep()
        await self.pass_beats(6, *beating)

    async def pass_beats(self, beats: float, *beating: Holder) -> None:
        for _ in range(int(beats * 2)):
            self.world.clock.move(DURATIONS.beat_s / 2)
            for holder in beating:
                self.board.renew(holder)
            await self.sweep()

    async def sweep(self) -> None:
        follow(self.world, self.board)
        await self.sweeper.sweep()
        follow(self.world, self.board)
