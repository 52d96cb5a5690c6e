"""The runner's line to the scheduler: open a session, follow what is wanted, send what happened; again for ever."""

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import structlog

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1.runner_pb2 import VERDICT_KEEP, Assignment, Directives, HostReport
from errand_common import handshake, rpc, wire
from errand_common.clock import Clock
from errand_common.errors import Conflict, Denied, ErrandError, Unauthenticated, Unimplemented
from errand_common.service import StartError, StartLater
from errand_common.tasks import until_one_ends
from errand_runner.backoff import Backoff
from errand_runner.bisection import Suspicion
from errand_runner.dispatch import CALL_S
from errand_runner.events import EventStream
from errand_runner.heartbeat import Heart, NewHeart, Pulse
from errand_runner.introduction import introduction
from errand_runner.lease import Leases
from errand_runner.presence import shown
from errand_runner.refused import RunnerRefused
from errand_runner.worker import Worker

SOUND_BEATS = 6
"""A session that lived so long, or whose events were stored, was a good one: the next is opened soon."""

SUPERSEDED = "SESSION_SUPERSEDED"
QUARANTINED = "RUNNER_QUARANTINED"


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
        labels: Mapping[str, str] | None = None,
        host: Callable[[], HostReport] | None = None,
    ) -> None:
        self._host = host
        self._scheduler = scheduler
        self._presence = presence
        self._worker, self._new_heart = worker, new_heart
        self._slots, self._nonce, self._leases, self._clock = slots, nonce, leases, clock
        self._labels = dict(labels or {})
        self._backoff = Backoff(chance)
        self._suspicion = Suspicion()
        worker.outbox.on_forget = self._suspicion.forget
        self._superseded = asyncio.Event()
        self._is_live = False
        self._heart: Heart | None = None
        self._beating_for = ""
        self._log = structlog.get_logger()
        worker.dispatch.on_superseded = self._replaced

    async def run(self) -> None:
        """Returns never. Raises RunnerRefused, StartError where this runner refuses the scheduler's certificate, and
        StartLater where it does so for the time on its clock."""
        try:
            while True:
                await self._pause(await self._session())
        finally:
            self._stop_beating()

    async def _session(self) -> float:
        """One session from beginning to end; returns how long to wait before the next."""
        self._superseded.clear()
        at_least_s = 0.0
        try:
            await self._one_session()
        except (Unauthenticated, Denied) as exc:
            raise RunnerRefused(f"the scheduler refuses this runner: {exc.message}; see ERRAND_TOKEN_FILE") from exc
        except Unimplemented as exc:
            raise StartError(f"the scheduler and this runner do not understand each other: {exc.message}") from exc
        except ErrandError as exc:
            if exc.reason == QUARANTINED:
                return self._quarantined(exc)
            if trouble := await handshake.look_at_scheduler(exc.transport, self._scheduler):
                raise (StartLater if handshake.may_pass(exc.transport) else StartError)(trouble) from exc
            self._log.warning("session_broken", reason=exc.reason, error=exc.message, transport=exc.transport)
            at_least_s = _asked_s(exc)
        return self._backoff.next_s(at_least_s=at_least_s)

    async def _one_session(self) -> None:
        session = await self._begin()
        self._worker.dispatch.enter(session.session_id)
        self._is_live = True
        opened_s = self._clock.boot_s()
        try:
            with shown(self._presence):
                await until_one_ends(
                    self._follow(session.session_id), self._events(session.session_id).run(), self._until_superseded()
                )
        except ErrandError as exc:
            if exc.reason == SUPERSEDED:
                # Whoever took this runner's place may be at work on the same attempts.
                self._stop_beating()
                self._leases.suspend()
            raise
        finally:
            self._is_live = False
            if self._clock.boot_s() - opened_s >= SOUND_BEATS * self._leases.beat_s:
                self._backoff.reset()
            self._worker.dispatch.leave()
        self._log.info("session_closed", session_id=session.session_id)

    async def _begin(self) -> pb.OpenSessionResponse:
        """Open a session and do as its verdicts say. Nothing is started before that."""
        asked_s = self._clock.boot_s()
        try:
            session = await self._open()
        except ErrandError:
            if self._heart is None:
                # The last session was replaced, and no other confirms the attempts.
                self._leases.suspend()
            raise
        self._leases.beat_s = wire.seconds(session.beat)
        kept = (each.attempt.attempt_id for each in session.verdicts if each.verdict == VERDICT_KEEP)
        self._leases.renew(tuple(kept), asked_s=asked_s)
        self._beat_for(session.session_id)
        await self._worker.begin(session.runner_id)
        self._worker.on_verdicts(session.verdicts)
        self._log.info("session_opened", session_id=session.session_id, runner_id=session.runner_id)
        return session

    def _quarantined(self, error: ErrandError) -> float:
        wait_s = _asked_s(error)
        self._log.error(
            "runner_quarantined",
            error=error.message,
            cause="another process uses a copy of this runner's data folder or credential",
            cure="stop one of the two; give a host that was cloned a data folder and a credential of its own",
            wait_s=wait_s,
        )
        return self._backoff.next_s(at_least_s=wait_s)

    async def _pause(self, wait_s: float) -> None:
        """Wait, but no longer than until a call is told that the session is over."""
        self._superseded.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._superseded.wait()

    async def _until_superseded(self) -> None:
        await self._superseded.wait()
        raise Conflict("a call was told that another session was opened later", reason=SUPERSEDED)

    def _beat_for(self, session_id: str) -> None:
        """Leases are kept alive also while nothing else of the session works, until the next one is open."""
        if session_id != self._beating_for:
            self._stop_beating()
            self._heart, self._beating_for = self._new_heart(self._pulse(session_id)), session_id
            self._heart.start()

    def _stop_beating(self) -> None:
        if self._heart is not None:
            self._heart.stop()
        self._heart, self._beating_for = None, ""

    async def _open(self) -> pb.OpenSessionResponse:
        dispatch = self._worker.dispatch
        held = self._worker.held_attempts()
        request = introduction(nonce=self._nonce, slots=self._slots, labels=self._labels, held_attempts=held)
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
                if not change.more:
                    self._worker.want(wanted)

    def _events(self, session_id: str) -> EventStream:
        worker = self._worker
        return EventStream(
            worker.dispatch,
            session_id=session_id,
            outbox=worker.outbox,
            deltas=worker.deltas,
            suspicion=self._suspicion,
            on_superseded=worker.forget,
            on_taken=self._backoff.reset,
        )

    def _pulse(self, session_id: str) -> Pulse:
        loop = asyncio.get_running_loop()

        def on_directives(directives: Directives) -> None:
            _in_loop(loop, lambda: self._worker.on_directives(directives))

        def on_superseded() -> None:
            # Here and not in the loop, which may be blocked. While no stream is open it may be the scheduler that
            # began anew and knows no session: opening the next one tells.
            if self._is_live:
                self._leases.suspend()
            _in_loop(loop, lambda: self._replaced(session_id))

        return Pulse(
            session_id=session_id,
            leases=self._leases,
            clock=self._clock,
            attempts=lambda: self._worker.attempts,
            on_directives=on_directives,
            on_superseded=on_superseded,
            host=self._host,
        )

    def _replaced(self, session_id: str) -> None:
        """A call was told so; one of an older session changes nothing."""
        if session_id == self._beating_for:
            self._stop_beating()
            self._superseded.set()


def apply(change: pb.WatchAssignmentsResponse, wanted: Mapping[str, Assignment]) -> Mapping[str, Assignment]:
    """What is wanted after a change."""
    kept = {} if change.snapshot else dict(wanted)
    for attempt_id in change.removed_attempt_ids:
        kept.pop(attempt_id, None)
    return kept | {assignment.attempt.attempt_id: assignment for assignment in change.assignments}


def _asked_s(error: ErrandError) -> float:
    """How long the scheduler wants to be left alone."""
    return error.retry_after.total_seconds() if error.retry_after else 0.0


def _in_loop(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    """From the heartbeat's thread; a loop that is closing no longer needs to know."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)
