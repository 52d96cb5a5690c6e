"""A runner that says itself that it goes."""

from collections.abc import Sequence

from errand.v1 import dispatch_service_pb2 as pb
from errand_common.values import RunnerMode
from errand_scheduler.edges.runners import check_removable, drain_of
from errand_scheduler.lifecycle.runners import set_mode
from errand_scheduler.store import attempts, audit, runners
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer


class Leaving:
    """Has runners leave. `of_settings` are those that the scheduler's settings name, which stay."""

    def __init__(self, writer: Writer, *, of_settings: Sequence[str]) -> None:
        self._writer = writer
        self._of_settings = of_settings

    async def leave(self, runner_id: str, request: pb.LeaveRequest) -> pb.LeaveResponse:
        """How far it is. Raises Invalid, and Conflict where it cannot leave."""
        drain_s = drain_of(request)

        def leave(tx: Tx) -> int:
            runner = tx.one(runners.by_id(runner_id))
            assert runner is not None  # its credential refers to it
            check_removable(runner, self._of_settings)
            if runner.mode is not RunnerMode.LEAVING:
                set_mode(tx, runner_id, RunnerMode.LEAVING, drain_s=drain_s)
                audit.record(tx, caller=runner_id, action="set_runner_leaving", subject_id=runner_id)
            return len(tx.all(attempts.live_of_runner(runner_id)))

        return pb.LeaveResponse(attempts=await self._writer.write(leave, urgent=True))
