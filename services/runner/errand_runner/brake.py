"""All attempts of this runner stand still together, whatever their leases say; one may end so that others go on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from errand_runner.lease import Leases


class GivenUp(Exception):
    """This attempt was ended for the others' sake; the message says why and what to do."""


class Brake:
    """Pulled, an attempt freezes as it does without a lease, and goes on once neither keeps it."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self.reason = ""
        """Why it is pulled, in words for people; empty while it is not."""
        self._carried: dict[str, str] = {}
        self._given_up: dict[str, str] = {}

    @property
    def carried(self) -> Mapping[str, str]:
        """The tasks of the attempts that this process carries, by attempt."""
        return MappingProxyType(self._carried)

    @contextmanager
    def carrying(self, attempt_id: str, task_id: str) -> Iterator[None]:
        """While the context lasts, the attempt may be ended here."""
        self._carried[attempt_id] = task_id
        try:
            yield
        finally:
            del self._carried[attempt_id]
            self._given_up.pop(attempt_id, None)

    def pull(self, reason: str) -> None:
        """Everything stands still. Idempotent."""
        self.reason = reason
        self._leases.wake()

    def release(self) -> None:
        """What has a lease goes on. Idempotent."""
        self.reason = ""
        self._leases.wake()

    def give_up(self, attempt_id: str, why: str) -> None:
        """End it; `why` tells a person what happened and what to do. One that is over already is left as it is."""
        if attempt_id in self._carried:
            self._given_up[attempt_id] = why
            self._leases.wake()

    def check(self, attempt_id: str) -> None:
        """Raises GivenUp where it is to end."""
        if (why := self._given_up.get(attempt_id)) is not None:
            raise GivenUp(why)
