"""What a schedule is made of, before anything of it runs."""

from dataclasses import dataclass, field
from enum import StrEnum

from errand_runner.outbox.budget import AheadLimits
from errand_runner.outbox.segments import SEGMENT_BYTES
from tests.sim.network import Weather
from tests.sim.temper import Temper


class Kind(StrEnum):
    """What can go wrong, or be done."""

    SCHEDULER_KILLED = "scheduler killed"
    SCHEDULER_KILLED_IN_COMMIT = "scheduler killed in a commit"
    SCHEDULER_STOPPED = "scheduler stopped and started"
    SCHEDULER_STALLED = "scheduler stalled"
    RUNNER_KILLED = "runner killed"
    RUNNER_KILLED_IN_SYNC = "runner killed in a sync"
    RUNNER_STOPPED = "runner stopped and started"
    RUNNER_STALLED = "runner stalled"
    RUNNER_DISK_FULL = "runner's disk full"
    PARTITION = "partition"
    HEART_CUT = "heart cut"
    STREAMS_CUT = "streams cut"
    CLOCK_JUMP = "clock jump"
    DISK_FULL = "disk full"
    TAKEOVER = "takeover"
    BLOBS_REFUSED = "scheduler's disk refuses long content"
    BLOB_LOST = "runner's long content lost"
    KEPT_BLOB_LOST = "scheduler's long content lost"
    BACKUP = "backup"
    RESTORE = "restore"
    ASLEEP = "everybody asleep"
    DISK_BROKEN = "disk broken"
    READS_FAIL = "reads fail"
    LOG_DAMAGED = "runner's log damaged"
    CORDON = "cordon"
    DRAIN = "drain"
    UNCORDON = "uncordon"
    BLUNDER = "blunder"
    CREATE = "create"
    FOLLOW_UP = "follow up"
    STEER = "steer"
    ANSWER = "answer"
    STOP = "stop"
    RETRY = "retry"
    EDIT = "edit"
    PROMOTE = "promote"
    REMOVE = "remove"
    RAISE = "raise"
    LOOK = "look"
    WATCH = "watch"


OF_PEOPLE = frozenset(
    (
        Kind.CREATE,
        Kind.FOLLOW_UP,
        Kind.STEER,
        Kind.ANSWER,
        Kind.STOP,
        Kind.RETRY,
        Kind.EDIT,
        Kind.PROMOTE,
        Kind.REMOVE,
        Kind.RAISE,
        Kind.LOOK,
        Kind.BLUNDER,
        Kind.WATCH,
    )
)
"""What people do."""

OF_OPERATORS = frozenset((Kind.CORDON, Kind.DRAIN, Kind.UNCORDON))
"""What operators do."""


@dataclass(frozen=True)
class Deed:
    """One thing that happens at a time. What the numbers mean is the kind's affair."""

    at_s: float
    kind: Kind
    who: int = 0
    for_s: float = 0.0
    number: int = 0
    flag: bool = False


@dataclass
class Plan:
    """The whole schedule before anything of it ran."""

    runners: int
    slots: list[int]
    active_s: float
    weather: Weather
    temper: Temper
    deeds: list[Deed] = field(default_factory=list)
    group_most: int = 64
    linger_s: float = 0.0
    slow_sync_s: float = 0.0
    rights_slow_s: float = 0.0
    github_away: float = 0.0
    limits: dict[str, str] = field(default_factory=dict)
    watchers_slow_s: float = 0.0
    denied: frozenset[int] = frozenset()
    moves_branch: float = 0.0
    picky: bool = False
    """Whether tasks ask for a certain host."""
    allowance: int = 0
    """What a task may cost, in nano-dollars; 0: any amount."""
    outbox: AheadLimits = field(default_factory=AheadLimits)
    segment_bytes: int = SEGMENT_BYTES
