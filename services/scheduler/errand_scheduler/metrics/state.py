"""What stands in memory and on disk at the moment in which somebody asks."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from errand_common.disk import Room
from errand_scheduler.board import Board
from errand_scheduler.placing.conditions import name_of
from errand_scheduler.placing.placer import Placer
from errand_scheduler.placing.seats import Seat
from errand_scheduler.runners import RunnerSessions
from errand_scheduler.store import wal
from errand_scheduler.store.writer import Writer
from errand_scheduler.watching.hub import Hub


class State(Collector):
    """Looked at on the loop, like everything that it looks at."""

    def __init__(
        self,
        *,
        board: Board,
        placer: Placer,
        sessions: RunnerSessions,
        hub: Hub,
        writer: Writer,
        database: Path,
        room: Room,
    ) -> None:
        self._board, self._placer, self._sessions = board, placer, sessions
        self._hub, self._writer, self._database, self._room = hub, writer, database, room

    def describe(self) -> list[Metric]:
        """Nothing ahead: names are not looked for while nothing stands yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges as they stand."""
        yield _by("errand_pending_tasks", "Tasks that wait for a runner, by why", "reason", self.pending())
        yield _by("errand_live_attempts", "Attempts that are not over", "phase", self._phases())
        ages = self._ages()
        yield _by("errand_lease_age_seconds", "Since the quietest attempt of a runner was heard of", "runner", ages)
        ahead_s = self._sessions.skew.ahead_s()
        yield _by("errand_clock_ahead_seconds", "How far each runner's clock is ahead of this one", "runner", ahead_s)
        yield _by("errand_runners", "Runners that came, by what keeps them from work", "condition", self._runners())
        yield _one("errand_free_slots", "Slots of runners that are ready and free", self._free_slots())
        yield _one("errand_watchers", "Open watches", self._hub.watchers)
        yield _one("errand_writer_load", "How full the writer's queue is, 0 to 1", self._writer.load)
        yield _one("errand_storage_degraded", "1 while the disk is full", float(self._writer.degraded))
        log_bytes = wal.length_bytes(self._database)
        yield _one("errand_database_log_bytes", "Length of the database's write-ahead log", log_bytes)
        yield _one("errand_disk_free_bytes", "Free on the disk of the data folder", self.disk_free_bytes() or 0)

    def pending(self) -> Counter[str]:
        """How many tasks wait, by why."""
        outlook = self._placer.outlook()
        return Counter(outlook.kind(entry) for entry in self._placer.pending.entries())

    def disk_free_bytes(self) -> int | None:
        """Of the data folder's disk; None where that cannot be told."""
        return self._room.free()

    def _phases(self) -> Counter[str]:
        return Counter(attempt.phase.value for attempt in self._board.attempts())

    def _ages(self) -> dict[str, float]:
        ages: dict[str, float] = {}
        for attempt, silent_s in self._board.silences():
            ages[attempt.runner_id] = max(ages.get(attempt.runner_id, 0.0), silent_s)
        return ages

    def _runners(self) -> Counter[str]:
        return Counter(name_of(seat.condition) for seat in self._seats())

    def _free_slots(self) -> int:
        return sum(max(seat.free, 0) for seat in self._seats() if not seat.condition)

    def _seats(self) -> list[Seat]:
        return self._sessions.seats(self._board.attempts())


def _one(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value=value)


def _by(name: str, meaning: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family
