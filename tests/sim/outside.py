"""The world outside the processes: containers on hosts, and what was done in the tasks' names."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from tests.sim.breach import Breach

_FREEZE_S, _CALL_S = 108 * 5.0, 40.0


@dataclass
class Container:
    """One on a host; it lives on when the runner that made it dies."""

    container_id: str
    sandbox_id: str
    host: str
    task_id: str
    attempt_id: str
    fence: int
    since_s: float
    paused: bool = False


@dataclass
class Standing:
    """What the database says of an attempt: asked at each deed."""

    phase: str
    newer_accepted: bool


class Outside:
    """Remembers who did what. A deed that nobody may do any more is a breach."""

    def __init__(
        self,
        standing: Callable[[str, str, int], Standing | None],
        note: Callable[[str], None],
        broke: Callable[[BaseException], None],
        spoiled: Callable[[str], None],
        bill: Callable[[str, int], None],
    ) -> None:
        self._standing, self._note, self._broke, self.spoiled = standing, note, broke, spoiled
        self.bill = bill
        self.containers: dict[str, Container] = {}
        self.pushed: dict[str, int] = {}
        self.cloned = False
        self._unheard = False

    def open(self, container: Container) -> None:
        """A container starts."""
        self._note(f"container {container.container_id} of {container.attempt_id[-6:]} starts on {container.host}")
        standing = self._standing(container.task_id, container.attempt_id, container.fence)
        given = standing is not None and standing.phase not in ("offered", "withdrawn")
        if not given and not self._unheard:
            raise self.breach("I2", f"{container.host} starts {container.attempt_id}, which it was never given")
        for other in self.containers.values():
            if other.task_id == container.task_id and other.host == container.host:
                raise self.breach("I7", f"{container.host} starts a second container for {container.task_id}")
        self.containers[container.container_id] = container

    def close(self, container_id: str) -> None:
        """It is gone."""
        if self.containers.pop(container_id, None) is not None:
            self._note(f"container {container_id} is gone")

    def restored(self) -> None:
        """The scheduler went back to an older state. Who works on what it knows nothing of has until it is cut off for
        so long that it must stand still, to hear so."""
        self.pushed.clear()
        self._unheard = True
        asyncio.get_running_loop().call_later(_FREEZE_S + _CALL_S, self._heard)

    def _heard(self) -> None:
        self._unheard = False

    def act(self, container: Container, *, host: str) -> None:
        """A tool or a model call begins in an attempt's name."""
        if container.paused:
            raise self.breach("I2", f"{container.attempt_id} acts in a paused container")
        self._check_turn("acts", container, host)

    def push(self, container: Container, *, host: str) -> None:
        """Something leaves for GitHub under the attempt's fence."""
        if container.paused:
            raise self.breach("I12", f"{container.attempt_id} pushes out of a paused container")
        standing = self._standing(container.task_id, container.attempt_id, container.fence)
        if standing is None and self._unheard:
            return
        if standing is None or standing.newer_accepted:
            raise self.breach("I12", f"{container.attempt_id} pushes under fence {container.fence}; a newer is taken")
        if container.fence < self.pushed.get(container.task_id, 0):
            raise self.breach("I12", f"{container.attempt_id} pushes under fence {container.fence}, after a newer")
        self.pushed[container.task_id] = container.fence
        self._note(f"{container.attempt_id[-6:]} pushes under {container.fence}")

    def _check_turn(self, deed: str, container: Container, host: str) -> None:
        standing = self._standing(container.task_id, container.attempt_id, container.fence)
        if standing is None and self._unheard:
            return
        if standing is None:
            raise self.breach("I2", f"{container.attempt_id} {deed}, and the scheduler never heard of it")
        # One that a person stopped while its runner was away goes on in its sandbox until the runner hears; so does one
        # whose runner's place another process took, and one that a restored history knows as an offer that expired.
        excused = standing.phase in ("cancelled", "timed_out") or self.cloned
        excused = excused or (self._unheard and standing.phase == "withdrawn")
        if standing.newer_accepted and not excused:
            raise self.breach("I2", f"{container.attempt_id} ({standing.phase}) {deed} on {host}; a newer is taken")

    def breach(self, invariant: str, found: str) -> Breach:
        """Told at once: the attempt in which it happens, like any other, is guarded against what it raises."""
        breach = Breach(invariant, found)
        self._broke(breach)
        return breach
