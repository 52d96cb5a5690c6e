"""What an outbox has on disk, and what leaves it there."""

from errand.v1.runner_pb2 import AttemptEvent
from errand_runner.outbox import Outbox
from errand_runner.outbox.segments import paths
from tests.unit.runner.streaming import attempt, event

ATTEMPT, OTHER = attempt(0), attempt(1)
ALL = 1 << 30


def told(log, *, after=0, limit_bytes=ALL):
    """The words of a log's events."""
    return [
        AttemptEvent.FromString(record.data).prefix.decode() for record in log.after(after, limit_bytes=limit_bytes)
    ]


async def write(folder, *texts, **options):
    """Leave a log behind, as a process that ended."""
    box = Outbox(folder, **options)
    log = box.logs.get(ATTEMPT) or box.hold(ATTEMPT, 1)
    for text in texts:
        await log.append(event(text))
    box.close()
    return paths(folder)[-1]
