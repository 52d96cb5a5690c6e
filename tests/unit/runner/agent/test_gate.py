"""No request to the model and no tool is begun while the attempt may not act."""

import asyncio
from dataclasses import replace
from pathlib import Path

from errand_runner.agent.facts import EndReason, TurnEnded
from errand_runner.sandbox.supervisor import Supervisor
from tests.standins.claude import Reply, Text, ToolUse, in_turn
from tests.unit.runner.agent.harness import errand


class Gate:
    """Lets through as often as it was told to, and tells when somebody waits."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(0)
        self.waiting = asyncio.Event()

    async def __call__(self) -> None:
        self.waiting.set()
        await self._room.acquire()
        self.waiting.clear()

    async def somebody_waits(self) -> None:
        async with asyncio.timeout(10):
            await self.waiting.wait()

    def let_through(self) -> None:
        self.waiting.clear()
        self._room.release()


async def test_each_request_and_each_tool_waits_at_the_gate(supervisor: Supervisor, tmp_path: Path) -> None:
    touch = ToolUse("bash", {"command": "touch trace"}, "t1")
    async with errand(in_turn(Reply([touch]), Reply([Text("Done.")])), supervisor, tmp_path) as task:
        gate = Gate()
        task.agent = replace(task.agent, gate=gate)
        turn = asyncio.ensure_future(task.turn("Go"))

        await gate.somebody_waits()
        assert len(task.claude.requests) == 0
        gate.let_through()
        await gate.somebody_waits()
        assert len(task.claude.requests) == 1
        assert not (task.folder / "trace").exists()
        gate.let_through()
        await gate.somebody_waits()
        assert (task.folder / "trace").exists()
        assert len(task.claude.requests) == 1
        gate.let_through()
        assert await turn == TurnEnded(EndReason.COMPLETED, "Done.")
