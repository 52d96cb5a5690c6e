"""What the sandbox's limits did to the commands of a conversation."""

from errand_runner.sandbox.answers import Exit
from errand_runner.sandbox.hits import Counters, Hit, hits
from errand_runner.sandbox.limits import Limits
from errand_runner.sandbox.quota import Quota
from errand_runner.sandbox.supervisor import Supervisor

# A command that went well and fast ran into nothing that it would need to be told of now; what was counted stays
# counted, and is told with the next one that did not.
_FAST_S = 1.0


class Strain:
    """Looks after each command that failed or took long."""

    def __init__(self, supervisor: Supervisor, limits: Limits, quota: Quota | None = None) -> None:
        self._supervisor, self._limits, self._quota = supervisor, limits, quota
        self._before: Counters | None = None

    async def begin(self) -> None:
        """Before the first command: what was counted until now is not its doing. Raises SandboxGone."""
        if self._before is None:
            self._before = await self._supervisor.counters()

    async def after(self, ended: Exit, said: str) -> list[Hit]:
        """What a command that wrote this ran into. Raises SandboxGone."""
        killed_for = self._quota.take() if self._quota else None
        if ended.code == 0 and ended.duration_s < _FAST_S:
            return [killed_for] if killed_for else []
        before, self._before = self._before or Counters(), await self._supervisor.counters()
        found = list(hits(self._before.since(before), ended, said, self._limits))
        return [*found, killed_for] if killed_for else found
