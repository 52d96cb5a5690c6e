"""Limits on real containers: who runs into one is told which, through the tool that Claude uses."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from errand_common.values import SandboxLimit
from errand_runner.agent.redact import Redactor
from errand_runner.agent.tools import Outcome, Toolbox
from errand_runner.agent.transcript import ToolCall
from errand_runner.sandbox.docker import Engine, Sandbox
from errand_runner.sandbox.limits import Limits
from errand_runner.sandbox.quota import Quota
from errand_runner.sandbox.strain import Strain
from errand_runner.sandbox.supervisor import Finished, Supervisor
from tests.integration.sandboxing import SMALL, MakeSpec
from tests.patience import ANSWER_S

MIB = 1 << 20
LIMITS = replace(SMALL, open_files=256, file_bytes=32 * MIB)

EATS = "python3 -c 'b = []\nwhile True: b.append(bytearray(1 << 20))'"
OPENS = "python3 -c 'b = [open(\"/dev/null\") for _ in range(300)]'"
WRITES = 'python3 -c \'open("long", "wb").write(bytes(33 << 20))\''
FORKS = "python3 -c 'import os, time\nfor _ in range(200):\n if not os.fork(): time.sleep(300)'"


class Shell:
    """The bash tool over a sandbox."""

    def __init__(self, sandbox: Sandbox, limits: Limits, quota: Quota | None = None) -> None:
        strain = Strain(sandbox.supervisor, limits, quota)
        self._tools = Toolbox(sandbox.supervisor, workspace="/workspace", redactor=Redactor([]), strain=strain)

    async def __call__(self, command: str) -> Outcome:
        call = ToolCall("toolu_1", "bash", {"command": command, "timeout_s": 40})
        async with aclosing(self._tools.run(call)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Outcome):
                    return piece
        raise AssertionError("a tool ends with its outcome")


class Looked:
    """A supervisor through which only a quota looks, and its looks counted."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._looks = 0

    async def capture(self, *argv: Any, **given: Any) -> Finished:
        done = await self._supervisor.capture(*argv, **given)
        self._looks += 1
        return done

    async def kill_all(self) -> None:
        await self._supervisor.kill_all()

    async def once_more(self) -> None:
        """Wait until it looked, from beginning to end."""
        seen = self._looks
        async with asyncio.timeout(ANSWER_S):
            # One may be under way.
            while self._looks < seen + 2:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("command", "limit", "words"),
    [
        (EATS, SandboxLimit.MEMORY, "killed because the sandbox's memory limit of 256.0 MiB was reached"),
        (f"{EATS} || true", SandboxLimit.MEMORY, "a process in it was killed because"),
        (FORKS, SandboxLimit.PROCESSES, "limit of 128 processes and threads was reached"),
        (OPENS, SandboxLimit.OPEN_FILES, "one process in the sandbox may have 256"),
        (WRITES, SandboxLimit.FILE_SIZE, "may be in the sandbox, 32.0 MiB"),
        ("yes > long", SandboxLimit.FILE_SIZE, "may be in the sandbox, 32.0 MiB"),
    ],
)
async def test_a_limit_is_named_in_the_result(
    engine: Engine, make_spec: MakeSpec, command: str, limit: SandboxLimit, words: str
) -> None:
    async with engine.open(make_spec(limits=LIMITS)) as sandbox:
        shell = Shell(sandbox, LIMITS)
        outcome = await shell(f"sleep 1; {command}")
        assert [hit.limit for hit in outcome.hits] == [limit]
        assert words in outcome.text
        assert (await shell("sleep 1.1; echo usable")).hits == []


@pytest.mark.parametrize("command", ["kill -KILL $$", "exit 137", "python3 -c 'import os; os.abort()'"])
async def test_a_crash_is_not_taken_for_a_limit(engine: Engine, make_spec: MakeSpec, command: str) -> None:
    async with engine.open(make_spec(limits=LIMITS)) as sandbox:
        assert (await Shell(sandbox, LIMITS)(command)).hits == []


async def test_the_kernel_counts_how_often_cpus_were_held_back(engine: Engine, make_spec: MakeSpec) -> None:
    async with engine.open(make_spec(limits=replace(LIMITS, cpus=0.1))) as sandbox:
        before = await sandbox.supervisor.counters()
        await Shell(sandbox, LIMITS)("timeout 3 sh -c 'while :; do :; done'")
        counted = (await sandbox.supervisor.counters()).since(before)
        # On a host that is busy itself it is not held back in all of them.
        assert 0 < counted.cpu_throttled <= counted.cpu_periods


async def test_a_workspace_that_holds_too_much_stops_what_fills_it_and_can_be_tidied(
    engine: Engine, make_spec: MakeSpec
) -> None:
    async with engine.open(make_spec(limits=LIMITS)) as sandbox:
        quota, looked = Quota(40 * MIB), Looked(sandbox.supervisor)
        quota.watch_over(looked)  # type: ignore[arg-type]
        shell = Shell(sandbox, LIMITS, quota)
        watching = asyncio.ensure_future(quota.watch())
        try:
            fills = "for i in 1 2 3; do head -c 20M /dev/zero > file$i; done; sleep 40"
            filled = await shell(fills)
            tidying = asyncio.ensure_future(shell("until test -e go; do sleep 0.1; done; rm file*; echo tidy"))
            await looked.once_more()
            await sandbox.supervisor.write("/workspace/go", b"")
            tidied = await tidying
            await looked.once_more()
            again = await shell(fills)
        finally:
            watching.cancel()
        assert [hit.limit for hit in filled.hits] == [SandboxLimit.WORKSPACE]
        assert "killed because the workspace holds 60.0 MiB, more than its limit of 40.0 MiB" in filled.text
        assert filled.is_error
        assert (tidied.hits, "tidy" in tidied.text) == ([], True)
        assert [hit.limit for hit in again.hits] == [SandboxLimit.WORKSPACE]
