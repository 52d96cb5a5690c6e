"""What keeps a runner from work: how the contract calls what the words of a seat say."""

from errand.v1 import runner_pb2 as pb
from errand_common.wire import word
from errand_scheduler.placing import seats

CONDITIONS = {
    "": pb.RUNNER_CONDITION_READY,
    seats.REVOKED: pb.RUNNER_CONDITION_REVOKED,
    seats.QUARANTINED: pb.RUNNER_CONDITION_QUARANTINED,
    seats.CORDONED: pb.RUNNER_CONDITION_CORDONED,
    seats.LEAVING: pb.RUNNER_CONDITION_LEAVING,
    seats.DRAINING: pb.RUNNER_CONDITION_DRAINING,
    seats.NOT_CONNECTED: pb.RUNNER_CONDITION_NOT_CONNECTED,
    seats.CONNECTING: pb.RUNNER_CONDITION_CONNECTING,
    seats.SILENT: pb.RUNNER_CONDITION_SILENT,
    seats.LACKS_ROOM: pb.RUNNER_CONDITION_LACKS_ROOM,
    seats.ILL: pb.RUNNER_CONDITION_ILL,
    seats.RESTING: pb.RUNNER_CONDITION_RESTING,
    seats.NO_SLOTS: pb.RUNNER_CONDITION_NO_SLOTS,
    seats.BUSY: pb.RUNNER_CONDITION_BUSY,
}
"""By the words of a seat; nothing, where it is offered tasks."""


def name_of(condition: str) -> str:
    """The contract's name of it as metrics have it, such as `not_connected`."""
    return word(pb.RunnerCondition, CONDITIONS[condition])
