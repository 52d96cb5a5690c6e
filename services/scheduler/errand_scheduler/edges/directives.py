"""What a runner is told beside every answer: the attempts to stop, at which pace to send."""

from google.protobuf.duration_pb2 import Duration

from errand.v1 import runner_pb2
from errand_common import protocol
from errand_common.wire import duration, number
from errand_scheduler.board import Board
from errand_scheduler.lifecycle.decisions import Held
from errand_scheduler.lifecycle.turns import Holder
from errand_scheduler.runners import RunnerSession
from errand_scheduler.store.attempts import StopCause
from errand_scheduler.store.writer import Writer

SLOWEST_S = 1.0
"""The pace when the writer's queue is full."""
_BUSY = 0.5  # of the writer's queue: what is below keeps up by itself

_VERDICTS = {
    Held.KEEP: runner_pb2.VERDICT_KEEP,
    Held.STOP: runner_pb2.VERDICT_STOP,
    Held.FORGET: runner_pb2.VERDICT_FORGET,
}


class Directing:
    """Says what the scheduler wants of a runner right now, from memory alone: it is asked for every answer."""

    def __init__(self, board: Board, writer: Writer) -> None:
        self._board = board
        self._writer = writer

    def __call__(self, session: RunnerSession) -> runner_pb2.Directives:
        """The directives for an answer to this session."""
        stopping = self._board.stopping_of(session.runner_id)
        return runner_pb2.Directives(
            verdicts=[
                verdict(
                    Holder(session.runner_id, attempt.attempt_id, attempt.fence),
                    Held.STOP,
                    cause_for(session, attempt.stop_cause),
                )
                for attempt in stopping
            ],
            pace=pace(self._writer.load),
        )


def cause_for(session: RunnerSession, cause: StopCause | None) -> StopCause | None:
    """What had an attempt stopped, in words that the session's runner knows."""
    if cause is StopCause.DRAIN and protocol.DRAIN_CAUSE not in session.arrival.features:
        return StopCause.DEADLINE
    return cause


def pace(load: float) -> Duration | None:
    """How long to leave between two batches with `load` of the writer's queue full; none while it keeps up."""
    if load <= _BUSY:
        return None
    return duration(SLOWEST_S * min((load - _BUSY) / (1 - _BUSY), 1.0))


def verdict(holder: Holder, held: Held, stop_cause: StopCause | None = None) -> runner_pb2.AttemptVerdict:
    """What the runner should do with an attempt that it has."""
    return runner_pb2.AttemptVerdict(
        attempt=runner_pb2.AttemptRef(attempt_id=holder.attempt_id, fence=holder.fence),
        verdict=_VERDICTS[held],
        stop_cause=number(runner_pb2.StopCause, stop_cause),
    )
