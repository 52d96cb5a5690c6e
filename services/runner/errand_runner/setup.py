"""A project's setup script: run once in a fresh workspace, after the clone."""

import hashlib

from errand_runner.agent.redact import Redactor
from errand_runner.clone import mark_of
from errand_runner.lent_secrets import LentSecrets
from errand_runner.live import Say
from errand_runner.sandbox.supervisor import FileError, Supervisor
from errand_runner.scripts import run_script
from errand_runner.workspace import REPOSITORY

_TOLD_CHARACTERS = 600
_MARK_BYTES = 64


class SetupFailed(Exception):
    """The script failed; the message holds how, and the last that it printed."""


class Setup:
    """One project's script in one task's workspace.

    That it ran is written down beside the clone, and goes with it: the next attempt in the same clone does not run the
    same script in the same image with the same secrets again. One that was cut off runs again from its beginning.
    """

    def __init__(
        self, supervisor: Supervisor, script: str, *, image: str, secrets: LentSecrets, folder: str = REPOSITORY
    ) -> None:
        self._supervisor, self._script, self._folder = supervisor, script, folder
        self._environment = secrets.setup
        # Of the secrets it says which they were, and nothing that would let their values be tried.
        seen = "\n".join(filter(None, (image + "\n" + script, secrets.version)))
        self._mark = hashlib.sha256(seen.encode()).hexdigest().encode()

    async def is_due(self) -> bool:
        """Whether there is a script that this workspace has not seen."""
        if not self._script.strip():
            return False
        try:
            return await self._supervisor.read(mark_of(self._folder), limit_bytes=_MARK_BYTES) != self._mark
        except FileError:
            return True

    async def run(self, *, say: Say, timeout_s: float, redactor: Redactor) -> None:
        """In the clone, by bash, which stops at the first command that fails. Raises SetupFailed."""
        try:
            ran = await run_script(
                self._supervisor,
                self._script,
                file=f"{self._folder}.setup.sh",
                folder=self._folder,
                env=self._environment,
                say=say,
                timeout_s=timeout_s,
                redactor=redactor,
            )
            if not ran.passed:
                raise SetupFailed(f"{ran.end(timeout_s)}{_last(ran.printed)}")
            await self._supervisor.write(mark_of(self._folder), self._mark)
        except FileError as exc:
            raise SetupFailed(f"it could not be started ({exc})") from exc


def _last(printed: str) -> str:
    printed = printed.strip()
    return f"; its last words: {printed[-_TOLD_CHARACTERS:]}" if printed else "; it printed nothing"
