"""Heartbeats come from a thread with a channel of its own, so that a busy event loop never costs a lease."""

import threading
from collections.abc import Callable, Sequence

import structlog

from errand.v1.dispatch_service_pb2 import HeartbeatRequest
from errand.v1.dispatch_service_pb2_grpc import DispatchServiceStub
from errand.v1.runner_pb2 import AttemptRef, AttemptVerdict
from errand_common import rpc
from errand_common.clock import Clock
from errand_common.errors import Conflict, ErrandError
from errand_runner.lease import Leases


class Heart:
    """Beats for one session until it is stopped or superseded."""

    def __init__(
        self,
        stub: DispatchServiceStub,
        *,
        token: str,
        session_id: str,
        leases: Leases,
        clock: Clock,
        attempts: Callable[[], tuple[tuple[str, int], ...]],
        on_verdicts: Callable[[Sequence[AttemptVerdict]], None],
        on_superseded: Callable[[], None],
    ) -> None:
        self._stub, self._metadata, self._session_id = stub, rpc.bearer(token), session_id
        self._leases, self._clock, self._attempts = leases, clock, attempts
        self._on_verdicts, self._on_superseded = on_verdicts, on_superseded
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat_until_stopped, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin beating."""
        self._thread.start()

    def stop(self) -> None:
        """Beat no more. Does not wait: a beat under way ends by its own deadline and changes nothing."""
        self._stopped.set()

    def _beat_until_stopped(self) -> None:
        log = structlog.get_logger()
        while not self._stopped.is_set():
            try:
                with rpc.renamed_errors():
                    self._beat()
            except Conflict:
                self._on_superseded()
                return
            except ErrandError as exc:
                log.warning("heartbeat_unanswered", reason=exc.reason, error=exc.message, transport=exc.transport)
            self._stopped.wait(self._leases.beat_s)

    def _beat(self) -> None:
        asked_s = self._clock.boot_s()
        attempts = self._attempts()
        refs = [AttemptRef(attempt_id=attempt_id, fence=fence) for attempt_id, fence in attempts]
        request = HeartbeatRequest(session_id=self._session_id, attempts=refs)
        response = self._stub.Heartbeat(request, metadata=self._metadata, timeout=self._leases.beat_s)
        if not self._stopped.is_set():
            refused = {verdict.attempt.attempt_id for verdict in response.verdicts}
            alive = tuple(attempt_id for attempt_id, _ in attempts if attempt_id not in refused)
            self._leases.renew(alive, asked_s=asked_s)
            self._on_verdicts(response.verdicts)
