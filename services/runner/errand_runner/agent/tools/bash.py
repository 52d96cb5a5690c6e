"""The bash tool: a fresh shell for each command, in a working folder that is kept."""

import shlex
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import PurePosixPath

from errand_runner.agent.redact import Redactor
from errand_runner.agent.tools.background import Background
from errand_runner.agent.tools.definitions import BashInput
from errand_runner.agent.tools.outcome import Outcome
from errand_runner.agent.tools.output import LIVE_BYTES, CommandOutput
from errand_runner.sandbox.hits import Hit
from errand_runner.sandbox.strain import Strain
from errand_runner.sandbox.supervisor import Chunk, Exit, FileError, Gap, Supervisor

# Nothing may wait for a person, and progress bars are noise.
_ENVIRONMENT = {
    "TERM": "dumb",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "true",
    "GIT_TERMINAL_PROMPT": "0",
    "DEBIAN_FRONTEND": "noninteractive",
    "PIP_PROGRESS_BAR": "off",
    "TQDM_DISABLE": "1",
}


class Bash:
    """Runs commands, and remembers the folder that the last one ended in; after a restart, the workspace again."""

    def __init__(
        self,
        supervisor: Supervisor,
        *,
        workspace: str,
        scratch: str,
        redactor: Redactor,
        strain: Strain,
        secrets: Mapping[str, str],
        asides: Callable[[], Sequence[str]],
        background: Background,
    ) -> None:
        """`scratch` is a folder of the sandbox for the side channel by which a shell tells where it ended; `secrets`
        are in the environment of every command."""
        self._supervisor = supervisor
        self._workspace = workspace
        self._folder_file = f"{scratch}/.errand-folder"
        # On the volume, not in memory as `scratch` may be; beside the repository, whose status does not show it.
        self._output_folder = f"{PurePosixPath(workspace).parent}/.errand/output"
        self._redactor = redactor
        self._strain, self._asides, self._background = strain, asides, background
        self._environment = {**secrets, **_ENVIRONMENT}
        self.folder = workspace

    async def run(self, given: BashInput) -> AsyncGenerator[str | Outcome]:
        """Gives pieces of output as they come, then the outcome."""
        await self._strain.begin()
        output = CommandOutput(self._redactor)
        ended: Exit | None = None
        try:
            async with aclosing(self._start(given)) as events:
                async for event in events:
                    if isinstance(event, Chunk):
                        for piece in output.feed(event.fd, event.data):
                            yield piece
                    elif isinstance(event, Gap):
                        output.skip(event)
                    else:
                        ended = event
        except FileError as error:
            yield self._not_started(error)
            return
        for piece in output.close():
            yield piece
        assert ended is not None, "the supervisor ends every command with Exit"
        self._follow(ended)
        result = output.result(ended.kept).rstrip()
        hits = await self._strain.after(ended, result)
        asides = [*self._asides(), *await self._background.running()]
        told = _outcome(result, ended, given.timeout_s, hits, asides)
        yield replace(told, dropped_bytes=output.dropped_bytes)

    async def start(self, given: BashInput, *, tool_use_id: str) -> Outcome:
        """Starts a command in the background; the working folder stays as it is."""
        await self._strain.begin()
        try:
            return await self._background.start(
                given.command,
                tool_use_id=tool_use_id,
                folder=self.folder,
                env=self._environment,
                output_folder=self._output_folder,
            )
        except FileError as error:
            return self._not_started(error)

    def _start(self, given: BashInput) -> AsyncGenerator[Chunk | Gap | Exit]:
        # On the command's own first line, so that the line numbers in bash's messages are right.
        tell = f"trap {shlex.quote(f'pwd -P > {shlex.quote(self._folder_file)} 2>/dev/null')} EXIT; "
        argv = ["bash", "-c", tell + given.command]
        return self._supervisor.run_kept(
            argv,
            cwd=self.folder,
            env=self._environment,
            timeout_s=given.timeout_s,
            note=self._folder_file,
            folder=self._output_folder,
            live_bytes=LIVE_BYTES,
        )

    def _follow(self, ended: Exit) -> None:
        """Takes over where the shell ended; one that was killed or took the trap away leaves the folder as it was."""
        folder = ended.note.decode("utf-8", "replace").strip()
        if folder.startswith("/"):
            self.folder = folder

    def _not_started(self, error: FileError) -> Outcome:
        if error.name == "E2BIG":
            return Outcome(
                "The command is too long for the shell: write it to a file, then run that file.", is_error=True
            )
        if error.name == "EAGAIN":
            return Outcome(f"The command did not start: {error}.", is_error=True)
        was, self.folder = self.folder, self._workspace
        return Outcome(
            f"The command did not start in {was}: {error}. The working folder is {self.folder} now.", is_error=True
        )


def _outcome(result: str, ended: Exit, timeout_s: int, hits: Sequence[Hit], asides: Sequence[str]) -> Outcome:
    if ended.timed_out:
        end = f"timed out after {timeout_s} s and was killed with all it started; do less at once, or raise timeout_s"
    elif ended.signal is not None:
        end = f"killed by signal {ended.signal} after {ended.duration_s:.1f} s"
    else:
        end = f"exit code {ended.code} after {ended.duration_s:.1f} s"
    # A code other than 0 is an answer (grep found nothing, a test failed), not an error of the tool.
    return Outcome(
        "\n".join((result or "(no output)", *(f"[{words}]" for words in (end, *(hit.words for hit in hits), *asides)))),
        is_error=ended.timed_out or ended.signal is not None,
        hits=hits,
    )
