"""A sandbox that dies in the midst of an attempt is replaced on the same workspace, and what ran in it is answered."""

import asyncio
import gc
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import docker
import pytest

from errand_common.clock import Clock
from errand_common.ids import Ids
from errand_runner.agent.redact import Redactor
from errand_runner.agent.tools import Outcome, Toolbox
from errand_runner.agent.transcript import INTERRUPTED, ToolCall
from errand_runner.lodged_tools import LodgedTools
from errand_runner.lodger import Lodger
from errand_runner.lodging import Lodged
from errand_runner.sandbox.docker import Engine, EngineUnavailable, SandboxFailed
from errand_runner.sandbox.supervisor import SandboxGone
from errand_runner.workspace import Workspace
from tests.e2e.engine_proxy import EngineProxy, engine_proxy
from tests.integration.lodging_host import Host, next_process
from tests.integration.sandboxing import containers, sh

# The SDK leaves the socket open with which it could not connect.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

WORKSPACE = "/workspace"
# What dies with its container, while Claude waits for it.
LONG = "echo kept > note; touch /tmp/gone; cd /tmp; echo up; sleep 600"


@pytest.fixture
async def host(engine: Engine, runner_id: str, sandbox_image: str, state_dir: Path, ids: Ids) -> AsyncGenerator[Host]:
    async with next_process(engine, runner_id, sandbox_image, state_dir, ids.new("tsk"), ids.new("att")) as first:
        yield first


@pytest.fixture
async def proxy(state_dir: Path) -> AsyncGenerator[EngineProxy]:
    async with engine_proxy(state_dir) as between:
        yield between
    gc.collect()


@pytest.fixture
async def behind(
    proxy: EngineProxy, engine: Engine, runner_id: str, sandbox_image: str, state_dir: Path, ids: Ids
) -> AsyncGenerator[Host]:
    """A host whose engine can be taken away."""
    async with (
        Engine.connect(state_dir=state_dir, base_url=proxy.docker_host) as cut,
        next_process(cut, runner_id, sandbox_image, state_dir, ids.new("tsk"), ids.new("att")) as first,
    ):
        yield first


@asynccontextmanager
async def housed(host: Host, *, patience_s: float = 20.0, notes: Sequence[str] = ()) -> AsyncIterator[Lodger]:
    recorder = host.recorder()

    async def settle(lodged: Lodged) -> Sequence[str]:
        await workspace(lodged).take_up()
        return notes

    async def gate() -> None:
        """Open."""

    lodger = Lodger(
        host.lodging(recorder),
        engine=host.engine,
        patience_s=patience_s,
        gate=gate,
        clock=Clock(),
        recorder=recorder,
        settle=settle,
        between_s=0.0,
    )
    async with lodger.housed():
        yield lodger


def workspace(lodged: Lodged) -> Workspace:
    sandbox, broker = lodged
    return Workspace(
        sandbox.supervisor,
        remote_url=broker.remote_url,
        branch="b",
        default_branch="main",
        host=broker.host,
        task_id="tsk_1",
        workspace_id="wsp_1",
    )


def tools_of(lodger: Lodger) -> LodgedTools:
    return LodgedTools(
        lodger,
        workspace=WORKSPACE,
        new_toolbox=lambda sandbox: Toolbox(sandbox.supervisor, workspace=WORKSPACE, redactor=Redactor()),
    )


def bash(command: str) -> ToolCall:
    return ToolCall("toolu_1", "bash", {"command": command})


async def outcome(tools: LodgedTools, command: str) -> Outcome:
    async with aclosing(tools.run(bash(command))) as pieces:
        return [piece async for piece in pieces if isinstance(piece, Outcome)][-1]


class Running:
    """A command at work in the sandbox, whose outcome is asked for later."""

    def __init__(self, tools: LodgedTools, command: str = LONG) -> None:
        self._pieces = tools.run(bash(command))

    async def up(self) -> None:
        """Wait until it printed something."""
        assert isinstance(await anext(self._pieces), str)

    async def outcome(self) -> Outcome:
        async with aclosing(self._pieces) as pieces:
            return [piece async for piece in pieces if isinstance(piece, Outcome)][-1]


async def test_claude_is_told_where_the_files_are_not_as_they_were(host: Host, client: docker.DockerClient) -> None:
    async with housed(host, notes=["The folder was made anew."]) as lodger:
        running = Running(tools_of(lodger))
        await running.up()
        client.containers.get(lodger.lodged[0].container_id).kill()
        answered = await running.outcome()
    assert answered.text == f"{INTERRUPTED}\nThe folder was made anew. The working folder is {WORKSPACE} again."


async def test_a_tool_whose_container_dies_is_answered_and_the_next_one_runs_on_the_same_files(
    host: Host, client: docker.DockerClient
) -> None:
    async with housed(host) as lodger:
        tools = tools_of(lodger)
        first = lodger.lodged[0]
        await outcome(tools, "mkdir -p repo/.git/refs; touch repo/.git/HEAD repo/.git/index.lock")
        running = Running(tools)
        await running.up()

        client.containers.get(first.container_id).kill()
        answered = await running.outcome()
        afterwards = await outcome(tools, "pwd; cat note; ls /tmp/gone repo/.git/index.lock; pgrep -c sleep")

        second = lodger.lodged[0]
        assert containers(client, host.runner_id) == [second.sandbox_id] != [first.sandbox_id]
        assert [entry.sandbox_id for entry in host.journal.entries] == [second.sandbox_id]
    assert answered.is_error
    assert answered.text.startswith(INTERRUPTED)
    assert "background jobs too" in answered.text
    lines = afterwards.text.splitlines()
    assert lines[:2] == [WORKSPACE, "kept"]
    assert sum("No such file" in line for line in lines) == 2, "what lay in /tmp and a killed git's lock are gone"
    (told,) = (body.sandbox_replaced for body in host.events() if body.HasField("sandbox_replaced"))
    assert (told.sandbox_id, told.container_id) == (second.sandbox_id, second.container_id)
    assert (told.replaced_sandbox_id, told.reason) == (first.sandbox_id, "the supervisor ended")
    assert containers(client, host.runner_id) == []


async def test_calls_that_lose_one_sandbox_together_move_once(host: Host, client: docker.DockerClient) -> None:
    async with housed(host) as lodger:
        tools = tools_of(lodger)
        several = [Running(tools) for _ in range(3)]
        for running in several:
            await running.up()
        client.containers.get(lodger.lodged[0].container_id).kill()
        answers = await asyncio.gather(*(running.outcome() for running in several))
        assert (await outcome(tools, "echo usable")).text.startswith("usable")
    assert all(answer.is_interrupted for answer in answers)
    assert sum(body.HasField("sandbox_replaced") for body in host.events()) == 1


async def test_a_supervisor_that_is_killed_in_its_container_costs_the_container(
    host: Host, client: docker.DockerClient
) -> None:
    async with housed(host) as lodger:
        tools, first = tools_of(lodger), lodger.lodged[0]
        answered = await outcome(tools, "pkill -9 -o python3; sleep 600")
        assert answered.text.startswith(INTERRUPTED)
        assert (await outcome(tools, "echo usable")).text.startswith("usable")
        assert containers(client, host.runner_id) == [lodger.lodged[0].sandbox_id] != [first.sandbox_id]


async def test_a_sandbox_that_dies_again_and_again_is_given_up(host: Host, client: docker.DockerClient) -> None:
    async with housed(host) as lodger:
        tools = tools_of(lodger)
        for _ in range(2):
            assert (await outcome(tools, "pkill -9 -o python3; sleep 600")).is_error
        with pytest.raises(SandboxFailed, match="lost 3 times in a row, at last because the supervisor ended"):
            await outcome(tools, "pkill -9 -o python3; sleep 600")
    assert containers(client, host.runner_id) == []


async def test_what_is_finished_in_between_says_that_sandboxes_serve(host: Host) -> None:
    async with housed(host) as lodger:
        tools = tools_of(lodger)
        for _ in range(4):
            assert (await outcome(tools, "pkill -9 -o python3; sleep 600")).is_error
            assert not (await outcome(tools, "true")).is_error


async def test_a_step_whose_sandbox_dies_is_done_again_in_the_next_one(host: Host, client: docker.DockerClient) -> None:
    seen: list[str] = []

    async def step(lodged: Lodged) -> str:
        sandbox, _ = lodged
        seen.append(sandbox.sandbox_id)
        if len(seen) < 3:
            client.containers.get(sandbox.container_id).kill()
        return await sh(sandbox, "echo done")

    async with housed(host) as lodger:
        assert await lodger.through(step) == "done\n"
    assert len(set(seen)) == 3


async def test_an_engine_that_was_away_gives_back_the_same_container_with_nothing_running_in_it(
    behind: Host, proxy: EngineProxy, client: docker.DockerClient
) -> None:
    async with housed(behind) as lodger:
        tools, first = tools_of(lodger), lodger.lodged[0]
        running = Running(tools)
        await running.up()

        await proxy.take_away()
        answering = asyncio.ensure_future(running.outcome())
        async with asyncio.timeout(60):
            while "engine_away" not in behind.told():
                await asyncio.sleep(0.02)
        await proxy.bring_back()
        answered = await answering

        assert answered.text.startswith(INTERRUPTED)
        afterwards = await outcome(tools, "cat note; ls /tmp/gone; pgrep -c sleep; pwd")
        assert afterwards.text.splitlines()[:4] == ["kept", "/tmp/gone", "1", WORKSPACE]
        assert lodger.lodged[0].container_id == first.container_id
    assert behind.told()[-2:] == ["engine_away", "sandbox_adopted"]
    assert containers(client, behind.runner_id) == []


async def test_a_container_that_died_while_the_engine_was_away_is_replaced(
    behind: Host, proxy: EngineProxy, client: docker.DockerClient
) -> None:
    async with housed(behind) as lodger:
        tools, first = tools_of(lodger), lodger.lodged[0]
        await outcome(tools, "echo kept > note")
        await proxy.take_away()
        client.containers.get(first.container_id).kill()
        answering = asyncio.ensure_future(outcome(tools, "true"))
        async with asyncio.timeout(60):
            while "engine_away" not in behind.told():
                await asyncio.sleep(0.02)
        await proxy.bring_back()

        assert (await answering).text.startswith(INTERRUPTED)
        assert (await outcome(tools, "cat note")).text.startswith("kept")
    assert behind.told()[-2:] == ["engine_away", "sandbox_replaced"]
    (told,) = (body.sandbox_replaced for body in behind.events() if body.HasField("sandbox_replaced"))
    assert told.reason == "the Docker engine was away, and its container is exited"


async def test_an_engine_that_stays_away_fails_the_attempt_with_words(behind: Host, proxy: EngineProxy) -> None:
    async with housed(behind, patience_s=1.0) as lodger:
        await proxy.take_away()
        with pytest.raises(
            EngineUnavailable, match=r"waited \d s for Docker \(ERRAND_ENGINE_PATIENCE_SECONDS\): .* went away"
        ):
            await outcome(tools_of(lodger), "true")
    await proxy.bring_back()


async def test_a_removal_that_hangs_holds_up_no_pause_and_no_new_sandbox(
    behind: Host, proxy: EngineProxy, client: docker.DockerClient
) -> None:
    async with housed(behind) as lodger:
        sandbox, _ = lodger.lodged
        async with proxy.holding(r"DELETE /v[0-9.]+/containers/sbx_") as reached:
            client.containers.get(sandbox.container_id).kill()
            moving = asyncio.ensure_future(lodger.move(SandboxGone("it was killed")))
            await reached.wait()
            async with asyncio.timeout(40), behind.lodged_beside() as beside:
                await beside.freeze()
                assert client.containers.get(beside.container_id).status == "paused"
                await beside.thaw()
                assert await sh(beside, "echo usable") == "usable\n"
            assert not moving.done()
        await moving
        assert await sh(lodger.lodged[0], "echo usable") == "usable\n"
