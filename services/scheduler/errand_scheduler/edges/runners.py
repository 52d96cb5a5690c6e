"""What operators ask of runners: how each stands, and what is wanted of it."""

from collections.abc import Callable, Sequence

from errand.v1 import fleet_service_pb2 as pb
from errand.v1 import runner_pb2
from errand.v1.dispatch_service_pb2 import LeaveRequest
from errand_common.errors import Conflict, Invalid, NotFound
from errand_common.values import RunnerMode
from errand_common.wire import seconds, word
from errand_scheduler.access.callers import caller
from errand_scheduler.board import Board
from errand_scheduler.durations import Durations
from errand_scheduler.edges.idempotency import Request, once, sent
from errand_scheduler.edges.runner_shown import shown
from errand_scheduler.lifecycle import runners as lifecycle
from errand_scheduler.placing.seats import CONNECTING, NOT_CONNECTED, SILENT
from errand_scheduler.runners import RunnerSessions
from errand_scheduler.store import attempts, audit, runners
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.runners import Runner
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer

_LONGEST_DRAIN_S = 7 * 24 * 60 * 60.0
_Stands = tuple[Runner, list[Attempt]]


class RunnersEdge:
    """The calls of FleetService about runners. `of_settings` are the runners that the scheduler's settings name."""

    def __init__(
        self,
        *,
        reader: Reader,
        writer: Writer,
        durations: Durations,
        board: Board,
        sessions: RunnerSessions,
        of_settings: Sequence[str],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._durations = durations
        self._board = board
        self._sessions = sessions
        self._of_settings = of_settings

    async def list(self) -> pb.ListRunnersResponse:
        """All of them."""
        known = await self._reader.all(runners.every())
        return pb.ListRunnersResponse(runners=[self._shown(runner, self._live_of(runner)) for runner in known])

    async def get(self, request: pb.GetRunnerRequest) -> pb.GetRunnerResponse:
        """One. Raises NotFound."""
        runner = await self._reader.one(runners.named(request.runner))
        if runner is None or runner.removed:
            raise _unknown(request.runner)
        return pb.GetRunnerResponse(runner=self._shown(runner, self._live_of(runner)))

    async def set_mode(self, request: pb.SetRunnerModeRequest) -> pb.SetRunnerModeResponse:
        """Raises Invalid, NotFound, and Conflict where it cannot leave."""
        mode = _mode(request)
        drain_s = drain_of(request, may_drain=mode in lifecycle.DRAINS)
        asked = _sent(request, "SetRunnerMode")

        def act(tx: Tx, runner: Runner) -> None:
            if mode is RunnerMode.LEAVING:
                check_removable(runner, self._of_settings)
            lifecycle.set_mode(tx, runner.runner_id, mode, drain_s=drain_s)
            audit.record(tx, caller=asked.user_id, action=f"set_runner_{mode}", subject_id=runner.runner_id)

        stands = await self._act(asked, request.runner, act)
        return pb.SetRunnerModeResponse(runner=self._shown(*stands))

    async def revoke(self, request: pb.RevokeRunnerRequest) -> pb.RevokeRunnerResponse:
        """Raises NotFound."""
        asked = _sent(request, "RevokeRunner")

        def act(tx: Tx, runner: Runner) -> None:
            if not runner.revoked:
                lifecycle.revoke(tx, runner.runner_id, self._durations)
                audit.record(tx, caller=asked.user_id, action="revoke_runner", subject_id=runner.runner_id)

        return pb.RevokeRunnerResponse(runner=self._shown(*await self._act(asked, request.runner, act)))

    async def remove(self, request: pb.RemoveRunnerRequest) -> pb.RemoveRunnerResponse:
        """Raises NotFound, and Conflict where it may not go."""
        asked = _sent(request, "RemoveRunner")
        known = await self._reader.one(runners.named(request.runner))
        is_here = known is not None and self._sessions.condition(known.runner_id) not in _AWAY
        if known is not None:
            check_removable(known, self._of_settings)

        def act(tx: Tx, runner: Runner) -> None:
            if runner.removed:
                return
            has_attempts = bool(tx.all(attempts.live_of_runner(runner.runner_id)))
            if not request.force and (is_here or has_attempts):
                raise Conflict(
                    f"{runner.name} is still here, or has attempts; drain it and end it, or remove it by force"
                )
            lifecycle.remove(tx, runner.runner_id, self._durations)
            audit.record(tx, caller=asked.user_id, action="remove_runner", subject_id=runner.runner_id)

        await self._act(asked, request.runner, act, of_removed=True)
        return pb.RemoveRunnerResponse()

    async def _act(
        self, asked: Request, id_or_name: str, act: Callable[[Tx, Runner], None], *, of_removed: bool = False
    ) -> _Stands:
        """Do it once; how the runner stands then, as of the same transaction. Raises NotFound."""

        def do(tx: Tx) -> _Stands:
            runner = tx.one(runners.named(id_or_name))
            if runner is None or (runner.removed and not of_removed):
                raise _unknown(id_or_name)
            act(tx, runner)
            return _stands(tx, runner.runner_id)

        return await self._writer.write(
            lambda tx: once(
                tx,
                asked,
                do=lambda: do(tx),
                again=lambda runner_id: _stands(tx, runner_id),
                id_of=lambda stands: stands[0].runner_id,
            ),
            urgent=True,
        )

    def _live_of(self, runner: Runner) -> Sequence[Attempt]:
        live = [attempt for attempt in self._board.attempts() if attempt.runner_id == runner.runner_id]
        return sorted(live, key=lambda attempt: (attempt.created_time, attempt.attempt_id))

    def _shown(self, runner: Runner, live: Sequence[Attempt]) -> runner_pb2.Runner:
        session = self._sessions.of(runner.runner_id)
        return shown(runner, live, session=session, condition=self._sessions.condition(runner.runner_id))


_AWAY = (NOT_CONNECTED, CONNECTING, SILENT)


def _sent(request: pb.SetRunnerModeRequest | pb.RevokeRunnerRequest | pb.RemoveRunnerRequest, method: str) -> Request:
    return sent(request, user_id=caller().name, method=method, request_id=request.request_id)


def _mode(request: pb.SetRunnerModeRequest) -> RunnerMode:
    mode = word(runner_pb2.RunnerMode, request.mode)
    if not mode:
        raise Invalid(f"mode {request.mode} is unknown; use {', '.join(RunnerMode)}")
    return RunnerMode(mode)


def check_removable(runner: Runner, of_settings: Sequence[str]) -> None:
    """Raises Conflict for a runner of the settings, which would be there again after the next start."""
    if runner.name in of_settings:
        raise Conflict(
            f"the scheduler's ERRAND_RUNNERS names {runner.name}; take it out there, start the scheduler again, "
            "then remove the runner"
        )


def drain_of(request: pb.SetRunnerModeRequest | LeaveRequest, *, may_drain: bool = True) -> float | None:
    """For how long what the runner has may go on. Raises Invalid."""
    if not request.HasField("drain_duration"):
        return None
    if not may_drain:
        raise Invalid("drain_duration is set without the mode DRAINING or LEAVING; leave it out, or drain the runner")
    drain_s = seconds(request.drain_duration)
    if not 0 <= drain_s <= _LONGEST_DRAIN_S:
        raise Invalid(f"drain_duration is {drain_s:g} s; it must be 0 to {_LONGEST_DRAIN_S:g} s")
    return drain_s


def _stands(tx: Tx, runner_id: str) -> _Stands:
    runner = tx.one(runners.by_id(runner_id))
    assert runner is not None  # rows of runners stay
    return runner, tx.all(attempts.live_of_runner(runner_id))


def _unknown(id_or_name: str) -> NotFound:
    return NotFound(f'there is no runner "{id_or_name[:80]}"; ListRunners names all')
