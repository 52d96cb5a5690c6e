"""Runs what Claude asks for: checks the call, picks the tool, and answers in every case."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from pydantic import ValidationError

from errand_runner.agent.redact import Redactor
from errand_runner.agent.tools.background import Background, nobody_steers
from errand_runner.agent.tools.bash import Bash
from errand_runner.agent.tools.definitions import (
    INPUTS,
    BashInput,
    BashOutputInput,
    CreatePullRequestInput,
    EditInput,
    GlobInput,
    GrepInput,
    Input,
    KillInput,
    ReadInput,
    TodoInput,
    WaitInput,
    WriteInput,
)
from errand_runner.agent.tools.files import Files
from errand_runner.agent.tools.outcome import Outcome, Refused
from errand_runner.agent.tools.search import Search
from errand_runner.agent.tools.todo import written_down
from errand_runner.agent.tools.wrong import no_such_tool, not_valid
from errand_runner.agent.transcript import ToolCall
from errand_runner.sandbox.limits import Limits
from errand_runner.sandbox.strain import Strain
from errand_runner.sandbox.supervisor import FileError, Supervisor


async def nowhere(title: str, body: str) -> str:
    """There is nobody to open a pull request."""
    raise Refused("No pull request can be opened here.")


class Toolbox:
    """One task's tools over one sandbox."""

    def __init__(
        self,
        supervisor: Supervisor,
        *,
        workspace: str,
        redactor: Redactor,
        scratch: str = "/tmp",  # noqa: S108
        strain: Strain | None = None,
        secrets: Mapping[str, str] | None = None,
        asides: Callable[[], Sequence[str]] = tuple,
        steered: Callable[[], Awaitable[None]] = nobody_steers,
        propose: Callable[[str, str], Awaitable[str]] = nowhere,
    ) -> None:
        """`workspace` is where the repository lies, `scratch` a writable folder; both are paths in the sandbox.
        `asides` gives what else Claude should know once a command has ended, such as a host that was refused to it.
        `secrets` are the project's that the agent may read, by name. `steered` returns once a person has written
        something for the turn that runs. `propose` pushes, and opens a pull request of a title and a body; it tells of
        it in words, and raises Refused."""
        strain = strain or Strain(supervisor, Limits())
        self._background = Background(supervisor, redactor, strain=strain, asides=asides, steered=steered)
        self._bash = Bash(
            supervisor,
            workspace=workspace,
            scratch=scratch,
            redactor=redactor,
            strain=strain,
            secrets=secrets or {},
            asides=asides,
            background=self._background,
        )
        self._files = Files(supervisor, redactor)
        self._search = Search(supervisor, redactor)
        self._redactor, self._propose = redactor, propose

    async def run(self, call: ToolCall) -> AsyncGenerator[str | Outcome]:
        """Gives live pieces of output, at most 4,000 characters each, and last the outcome.

        What Claude can mend is an outcome with `is_error`; SandboxGone is raised. Closing the generator kills the
        command.
        """
        given = _checked(call)
        if isinstance(given, Outcome):
            yield given
        elif isinstance(given, BashInput) and not given.background:
            async with aclosing(self._bash.run(given)) as pieces:
                async for piece in pieces:
                    yield self._masked(piece) if isinstance(piece, Outcome) else piece
        else:
            yield self._masked(await self._answer(call, given))

    async def end_turn(self) -> None:
        """Ends what still runs in the background. Raises SandboxGone."""
        await self._background.end_all()

    async def _answer(self, call: ToolCall, given: Input) -> Outcome:
        folder = self._bash.folder
        try:
            match given:
                case BashInput():
                    return await self._bash.start(given, tool_use_id=call.tool_use_id)
                case BashOutputInput():
                    return await self._background.output(given)
                case KillInput():
                    return await self._background.kill(given)
                case WaitInput():
                    return await self._background.wait(given)
                case ReadInput():
                    return await self._files.read(given, folder=folder)
                case WriteInput():
                    return await self._files.write(given, folder=folder)
                case EditInput():
                    return await self._files.edit(given, folder=folder)
                case GlobInput():
                    return await self._search.glob(given, folder=folder)
                case GrepInput():
                    return await self._search.grep(given, folder=folder)
                case TodoInput():
                    return written_down(given, self._redactor)
                case CreatePullRequestInput():
                    return Outcome(await self._propose(given.title, given.body))
                case _:
                    raise AssertionError(f"no tool takes {type(given).__name__}")
        except (Refused, FileError) as error:
            return Outcome(str(error), is_error=True)

    def _masked(self, outcome: Outcome) -> Outcome:
        """Masks once more what the tools wrap around content, such as a path in an error."""
        return replace(outcome, text=self._redactor.text(outcome.text))


def _checked(call: ToolCall) -> Input | Outcome:
    if call.name not in INPUTS:
        return Outcome(no_such_tool(call.name, tuple(INPUTS)), is_error=True)
    try:
        return INPUTS[call.name].model_validate(call.input)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'input'}: {each['msg']}" for each in error.errors())
        return Outcome(not_valid(call.name, problems), is_error=True)
