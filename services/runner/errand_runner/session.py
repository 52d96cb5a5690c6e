"""The runner's line to the scheduler: open a session, follow what is wanted, send what happened; again for ever."""

import asyncio
import random
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1.runner_pb2 import VERDICT_KEEP, Assignment, Directives
from errand_common import handshake, rpc, wire
from errand_common.clock import Clock
from errand_common.errors import Denied, ErrandError, Unauthenticated
from errand_common.service import StartError
from errand_common.tasks import until_one_ends
from errand_runner.backoff import Backoff
from errand_runner.dispatch import CALL_S
from errand_runner.events import EventStream
from errand_runner.heartbeat import Heart, NewHeart, Pulse
from errand_runner.lease import Leases
from errand_runner.presence import shown
from errand_runner.worker import Worker

VERSION = "0.1.0"


class Sessions:
    """Keeps one session open at a time, for as long as the runner lives."""

    def __init__(
        self,
        worker: Worker,
        *,
        new_heart: NewHeart,
        chance: random.Random,
        slots: int,
        nonce: str,
        leases: Leases,
        clock: Clock,
        presence: Path,
        scheduler: str,
    ) -> None:
        self._scheduler = scheduler
        self._presence = presence
        self._worker, self._new_heart, self._chance = worker, new_heart, chance
        self._slots, self._nonce, self._leases, self._clock = slots, nonce, leases, clock
        self._log = structlog.get_logger()

    async def run(self) -> None:
        """Returns never. Raises StartError when the scheduler refuses this runner, or this runner the scheduler's
        certificate."""
        backoff = Backoff(self._chance)
        while True:
            try:
                await self._one_session(backoff)
            except (Unauthenticated, Denied) as exc:
                raise StartError(f"the scheduler refuses this runner: {exc.message}; see ERRAND_TOKEN_FILE") from exc
            except ErrandError as exc:
                if trouble := await handshake.look_at_scheduler(exc.transport, self._scheduler):
                    raise StartError(trouble) from exc
                self._log.warning("session_broken", reason=exc.reason, error=exc.message, transport=exc.transport)
            await asyncio.sleep(backoff.next_s())

    async def _one_session(self, backoff: Backoff) -> None:
        asked_s = self._clock.boot_s()
        session = await self._open()
        backoff.reset()
        self._leases.beat_s = wire.seconds(session.beat)
        kept = (each.attempt.attempt_id for each in session.verdicts if each.verdict == VERDICT_KEEP)
        self._leases.renew(tuple(kept), asked_s=asked_s)
        await self._worker.begin(session.runner_id)
        self._worker.on_verdicts(session.verdicts)
        self._log.info("session_opened", session_id=session.session_id, runner_id=session.runner_id)
        superseded = asyncio.Event()
        heart = self._heart(session.session_id, superseded)
        heart.start()
        self._worker.dispatch.enter(session.session_id)
        try:
            with shown(self._presence):
                await until_one_ends(
                    self._follow(session.session_id), self._events(session.session_id).run(), superseded.wait()
                )
        finally:
            heart.stop()
            self._worker.dispatch.leave()
        self._log.info("session_closed", session_id=session.session_id)

    async def _open(self) -> pb.OpenSessionResponse:
        dispatch = self._worker.dispatch
        request = pb.OpenSessionRequest(
            nonce=self._nonce, version=VERSION, slots=self._slots, held_attempts=self._worker.held_attempts()
        )
        with rpc.renamed_errors():
            return await dispatch.stub.OpenSession(request, metadata=dispatch.metadata, timeout=CALL_S)

    async def _follow(self, session_id: str) -> None:
        """Keep the worker's picture of what is wanted equal to the scheduler's, until a change was missed."""
        dispatch = self._worker.dispatch
        wanted: Mapping[str, Assignment] = {}
        version = 0
        with rpc.renamed_errors():
            request = pb.WatchAssignmentsRequest(session_id=session_id)
            async for change in dispatch.stub.WatchAssignments(request, metadata=dispatch.metadata):
                if not change.snapshot and change.base_version != version:
                    return
                wanted, version = apply(change, wanted), change.version
                self._worker.want(wanted)

    def _events(self, session_id: str) -> EventStream:
        worker = self._worker
        return EventStream(
            worker.dispatch,
            session_id=session_id,
            outbox=worker.outbox,
            deltas=worker.deltas,
            on_superseded=worker.forget,
        )

    def _heart(self, session_id: str, superseded: asyncio.Event) -> Heart:
        loop = asyncio.get_running_loop()

        def on_directives(directives: Directives) -> None:
            _in_loop(loop, lambda: self._worker.on_directives(directives))

        pulse = Pulse(
            session_id=session_id,
            leases=self._leases,
            clock=self._clock,
            attempts=lambda: self._worker.attempts,
            on_directives=on_directives,
            on_superseded=lambda: _in_loop(loop, superseded.set),
        )
        return self._new_heart(pulse)


def apply(change: pb.WatchAssignmentsResponse, wanted: Mapping[str, Assignment]) -> Mapping[str, Assignment]:
    """What is wanted after a change."""
    kept = {} if change.snapshot else dict(wanted)
    for attempt_id in change.removed_attempt_ids:
        kept.pop(attempt_id, None)
    return kept | {assignment.attempt.attempt_id: assignment for assignment in change.assignments}


def _in_loop(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    """From the heartbeat's thread; a loop that is closing no longer needs to know."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)
