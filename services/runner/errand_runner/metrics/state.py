"""What stands in memory and on disk at the moment in which somebody asks."""

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from errand_common.disk import Room
from errand_runner.journal import Journal
from errand_runner.outbox import Outbox
from errand_runner.pool import Pool
from errand_runner.worker import Worker


class State(Collector):
    """Looked at on the loop, like everything that it looks at. `presence` is the file that tells of a session."""

    def __init__(
        self,
        *,
        worker: Worker,
        outbox: Outbox,
        pool: Pool,
        journal: Journal,
        room: Room,
        slots: int,
        presence: Path,
    ) -> None:
        self._worker, self._outbox, self._pool = worker, outbox, pool
        self._journal, self._room, self._slots, self._presence = journal, room, slots, presence

    def describe(self) -> list[Metric]:
        """Nothing ahead: names are not looked for while nothing stands yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges as they stand."""
        yield _one("errand_session", "1 while there is a session with the scheduler", self._presence.exists())
        yield _one("errand_slots", "Attempts that this runner takes at once", self._slots)
        yield _one("errand_attempts_at_work", "Attempts that it has", len(self._worker.attempts))
        yield _one("errand_containers", "Containers of attempts, by its own record", len(self._journal.entries))
        yield _one("errand_warm_sandboxes", "Sandboxes that were made ahead and wait", self._pool.waiting)
        yield _one(
            "errand_outbox_bytes", "Written down and not acknowledged by the scheduler", self._outbox.ahead_bytes
        )
        yield _one("errand_outbox_events", "Events among that", self._outbox.ahead_events)
        yield _one("errand_outbox_blocked", "1 while attempts wait for room in it", self._outbox.blocked)
        yield _one("errand_disk_free_bytes", "Free on the fullest of the disks that it needs", self._room.free() or 0)


def _one(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value=value)
