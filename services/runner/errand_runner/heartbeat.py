"""Heartbeats come from a thread with a channel of its own, so that a busy event loop never costs a lease."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from errand.v1.dispatch_service_pb2 import HeartbeatRequest, HeartbeatResponse
from errand.v1.dispatch_service_pb2_grpc import DispatchServiceStub
from errand.v1.runner_pb2 import AttemptRef, Directives, HostReport
from errand_common import rpc
from errand_common.clock import Clock
from errand_common.errors import Conflict, ErrandError
from errand_runner.lease import Leases


@dataclass(frozen=True)
class Beat:
    """One heartbeat: when it was asked (boot clock), for which attempts with their fences, in which session."""

    asked_s: float
    attempts: tuple[tuple[str, int], ...]
    request: HeartbeatRequest


class Pulse:
    """What the beats of one session say, and what follows from their answers."""

    def __init__(
        self,
        *,
        session_id: str,
        leases: Leases,
        clock: Clock,
        attempts: Callable[[], tuple[tuple[str, int], ...]],
        on_directives: Callable[[Directives], None],
        on_superseded: Callable[[], None],
        host: Callable[[], HostReport] | None = None,
    ) -> None:
        self._host = host
        self._session_id, self._leases, self._clock = session_id, leases, clock
        self._attempts, self._on_directives = attempts, on_directives
        self.on_superseded = on_superseded

    @property
    def beat_s(self) -> float:
        """How long from one beat to the next, and the most that one may take."""
        return self._leases.beat_s

    def next(self) -> Beat:
        """The beat of now."""
        attempts = self._attempts()
        refs = [AttemptRef(attempt_id=attempt_id, fence=fence) for attempt_id, fence in attempts]
        host = self._host() if self._host else None
        request = HeartbeatRequest(session_id=self._session_id, attempts=refs, host=host)
        return Beat(self._clock.boot_s(), attempts, request)

    def answered(self, beat: Beat, response: HeartbeatResponse) -> None:
        """Renew what was confirmed, counted from the asking, and pass on what the scheduler wants."""
        refused = {verdict.attempt.attempt_id for verdict in response.directives.verdicts}
        alive = tuple(attempt_id for attempt_id, _ in beat.attempts if attempt_id not in refused)
        self._leases.renew(alive, asked_s=beat.asked_s)
        self._on_directives(response.directives)


class Heart(Protocol):
    """Beats for one session until it is stopped or superseded."""

    def start(self) -> None:
        """Begin beating."""

    def stop(self) -> None:
        """Beat no more. Does not wait: a beat under way changes nothing any more."""


NewHeart = Callable[[Pulse], Heart]
"""Makes the heart of a session."""


class ThreadHeart:
    """A heart in a thread of its own. A beat under way at its stop ends by its own deadline."""

    def __init__(self, stub: DispatchServiceStub, token: str, pulse: Pulse) -> None:
        self._stub, self._metadata, self._pulse = stub, rpc.bearer(token), pulse
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat_until_stopped, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin beating."""
        self._thread.start()

    def stop(self) -> None:
        """Beat no more."""
        self._stopped.set()

    def _beat_until_stopped(self) -> None:
        log = structlog.get_logger()
        while not self._stopped.is_set():
            try:
                with rpc.renamed_errors():
                    self._beat()
            except Conflict:
                self._pulse.on_superseded()
                return
            except ErrandError as exc:
                log.warning("heartbeat_unanswered", reason=exc.reason, error=exc.message, transport=exc.transport)
            self._stopped.wait(self._pulse.beat_s)

    def _beat(self) -> None:
        beat = self._pulse.next()
        response = self._stub.Heartbeat(beat.request, metadata=self._metadata, timeout=self._pulse.beat_s)
        if not self._stopped.is_set():
            self._pulse.answered(beat, response)
