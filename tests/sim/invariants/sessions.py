"""Who is answered: only the session of a runner that was opened last."""

import asyncio
from typing import Any

from errand.v1 import dispatch_service_pb2 as pb
from tests.sim.breach import Breach

_GRACE_S = 20.0
"""What was asked before the next session was opened may still be answered: a commit and a call last no longer."""
_REQUESTS: dict[str, Any] = {
    "Heartbeat": pb.HeartbeatRequest,
    "AcceptAttempts": pb.AcceptAttemptsRequest,
    "FinishAttempts": pb.FinishAttemptsRequest,
}


class SessionsSeen:
    """Watches what the scheduler answers."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._latest: dict[str, str] = {}
        self._replaced_s: dict[str, float] = {}
        self.alive_since_s = 0.0

    def answered(self, name: str, request: bytes | None, response: object) -> None:
        """The scheduler served this call."""
        if name == "OpenSession":
            assert isinstance(response, pb.OpenSessionResponse)
            self._opened(response)
        elif name in _REQUESTS and request is not None:
            self._check(name, _REQUESTS[name].FromString(request).session_id)

    def _opened(self, response: pb.OpenSessionResponse) -> None:
        before = self._latest.get(response.runner_id)
        self._latest[response.runner_id] = response.session_id
        self._replaced_s.pop(response.session_id, None)
        if before is not None and before != response.session_id:
            self._replaced_s[before] = self._loop.time()

    def _check(self, name: str, session_id: str) -> None:
        replaced_s = self._replaced_s.get(session_id)
        if replaced_s is not None and self._loop.time() - max(replaced_s, self.alive_since_s) > _GRACE_S:
            raise Breach("I2", f"{name} of session {session_id} is served, which another had replaced")
