"""Events wait here, in order, on disk, until the scheduler has them."""

from errand_runner.outbox.budget import AheadLimits
from errand_runner.outbox.disk import Disk
from errand_runner.outbox.folder import Outbox
from errand_runner.outbox.log import Log, OutboxError
from errand_runner.outbox.records import Record
from errand_runner.outbox.recovery import EVENT_BYTES

__all__ = ["EVENT_BYTES", "AheadLimits", "Disk", "Log", "Outbox", "OutboxError", "Record"]
