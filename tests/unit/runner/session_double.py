"""A scheduler that opens sessions as a test wants it, and a runner's line to it whose heart the test beats."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1 import runner_pb2
from errand_common.clock import Clock
from errand_common.errors import ErrandError
from errand_common.wire import duration
from errand_runner.deltas import Deltas
from errand_runner.dispatch import Dispatch
from errand_runner.heartbeat import Pulse
from errand_runner.inputs import Inbox
from errand_runner.lease import Leases
from errand_runner.outbox import Log, Outbox
from errand_runner.outcome import Outcome
from errand_runner.session import Sessions
from errand_runner.worker import RunAttempt, Worker
from tests.unit.runner.scheduler_double import SchedulerDouble, serving


class SessionDouble(SchedulerDouble):
    """`session_ids` are given one after the other, the last again and again; `answer` lets OpenSession answer."""

    def __init__(self) -> None:
        super().__init__()
        self.session_ids = ["ses_1"]
        self.opened: list[pb.OpenSessionRequest] = []
        self.verdict = runner_pb2.VERDICT_KEEP
        self.wanted: list[runner_pb2.Assignment] = []
        self.answer = asyncio.Event()
        self.answer.set()
        self._watch_end: asyncio.Future[ErrandError] | None = None

    async def OpenSession(self, request, context):
        self.opened.append(request)
        await self._told()
        await self.answer.wait()
        await self._called("OpenSession")
        session_id = self.session_ids.pop(0) if len(self.session_ids) > 1 else self.session_ids[0]
        verdicts = [
            runner_pb2.AttemptVerdict(attempt=held.attempt, verdict=self.verdict) for held in request.held_attempts
        ]
        return pb.OpenSessionResponse(session_id=session_id, beat=duration(5.0), verdicts=verdicts, runner_id="rnr_1")

    async def WatchAssignments(self, request, context):
        end = self._watch_end = asyncio.get_running_loop().create_future()
        await self._told()
        yield pb.WatchAssignmentsResponse(snapshot=True, version=1, assignments=self.wanted)
        raise await end

    def break_watch(self, error: ErrandError) -> None:
        """What the open stream of assignments ends with."""
        assert self._watch_end is not None
        self._watch_end.set_result(error)
        self._watch_end = None

    async def until_watched(self) -> None:
        """Return once a session is whole."""
        await self.until(lambda: self._watch_end is not None)

    async def _told(self) -> None:
        async with self.changed:
            self.changed.notify_all()


@dataclass
class HeldHeart:
    """A heart that beats when the test does."""

    pulse: Pulse
    started: bool = False
    stopped: bool = False

    def start(self) -> None:
        self.started = True

    def stop(self) -> None:
        self.stopped = True


@dataclass
class Line:
    """A runner's line to the scheduler."""

    worker: Worker
    leases: Leases
    hearts: list[HeldHeart]
    running: asyncio.Future[None]
    begun: list[str] = field(default_factory=list)

    @property
    def heart(self) -> HeldHeart:
        """The one that beats."""
        (beating,) = (heart for heart in self.hearts if heart.started and not heart.stopped)
        return beating


async def _idle(assignment: runner_pb2.Assignment, inbox: Inbox, log: Log, runner_id: str) -> Outcome:
    await asyncio.Event().wait()
    raise AssertionError("it is never set")


@asynccontextmanager
async def on_line(
    double: SessionDouble,
    folder: Path,
    *,
    clock: Clock,
    run_attempt: RunAttempt = _idle,
    begin_failures: Sequence[ErrandError] = (),
    chance: random.Random | None = None,
) -> AsyncIterator[Line]:
    """Runs until the context ends."""
    box = Outbox(folder / "outbox")
    begun: list[str] = []
    failures = iter(begin_failures)

    async def begin(runner_id: str) -> None:
        begun.append(runner_id)
        for failure in failures:
            raise failure

    async with serving(double) as stub:
        chance = chance or random.Random(0)
        hearts: list[HeldHeart] = []
        leases, dispatch = Leases(clock), Dispatch(stub, "token", chance)

        def new_heart(pulse: Pulse) -> HeldHeart:
            heart = HeldHeart(pulse)
            hearts.append(heart)
            return heart

        worker = Worker(
            dispatch=dispatch,
            outbox=box,
            deltas=Deltas(box.changed),
            leases=leases,
            clock=clock,
            begin=begin,
            run_attempt=run_attempt,
        )
        sessions = Sessions(
            worker,
            new_heart=new_heart,
            chance=chance,
            slots=2,
            nonce="nonce",
            leases=leases,
            clock=clock,
            presence=folder / "session",
            scheduler="127.0.0.1:1",
            labels={"region": "eu"},
        )
        running = asyncio.ensure_future(worker.run(sessions.run()))
        try:
            yield Line(worker, leases, hearts, running, begun)
        finally:
            running.cancel()
            await asyncio.wait([running])
            box.close()
    if not running.cancelled() and (failure := running.exception()) is not None:
        raise failure
