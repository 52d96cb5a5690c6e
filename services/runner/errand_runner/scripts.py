"""A script of a project's settings, run by bash in a clone: what it prints is watched live."""

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass

from errand_runner.agent.redact import Redactor
from errand_runner.agent.tools.output import CommandOutput
from errand_runner.limit_words import limit_words
from errand_runner.live import Say
from errand_runner.sandbox.supervisor import Exit, Supervisor

# Nothing may wait for a person.
_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "GIT_EDITOR": "true"}


@dataclass(frozen=True)
class Ran:
    """How a script ended, and what it printed: its head and its tail, redacted."""

    exit: Exit
    printed: str

    @property
    def passed(self) -> bool:
        """Whether it ended well, by itself and in time."""
        return self.exit.code == 0 and not self.exit.timed_out

    def end(self, limit_s: float) -> str:
        """In words, how it ended."""
        if self.exit.timed_out:
            return f"it did not end within {limit_words(limit_s)}"
        if self.exit.code is None:
            return f"it was killed by signal {self.exit.signal}"
        return f"exit code {self.exit.code}"


async def run_script(
    supervisor: Supervisor,
    script: str,
    *,
    file: str,
    folder: str,
    env: Mapping[str, str],
    say: Say,
    timeout_s: float,
    redactor: Redactor,
) -> Ran:
    """Write the script to `file` and run it in `folder`; bash stops at the first command that fails. Raises FileError
    where it cannot be started, and SandboxGone."""
    output = CommandOutput(redactor)
    await supervisor.write(file, script.encode())
    # What would wait for a person does not, whatever a secret is called.
    environment = {**env, **_ENVIRONMENT}
    run = supervisor.run(["bash", "-e", file], cwd=folder, env=environment, timeout_s=timeout_s)
    async with aclosing(run) as events:
        async for event in events:
            if isinstance(event, Exit):
                for piece in output.close():
                    say(piece)
                return Ran(event, output.result())
            for piece in output.feed(event.fd, event.data):
                say(piece)
    raise AssertionError("run yields an Exit last")
