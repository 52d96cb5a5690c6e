"""What needs Docker: how long a person waits for work to begin, what calls and output cost, how many fit on a host."""

from errand_common.clock import Clock
from errand_common.ids import Ids
from errand_runner.sandbox.docker import Engine, Sandbox, SandboxSpec
from tests.bench.crowd import measure_crowd
from tests.bench.memory import measure_memory
from tests.bench.rows import Table
from tests.bench.start import measure_start
from tests.bench.stream import measure_stream
from tests.bench.tools import measure_tool_call
from tests.demo.phone import Phone
from tests.demo.stack import REPOSITORY, Stack, open_stack

CROWD_ROUNDS = 2
"""Each takes a minute and more."""


async def measure_sandboxes(table: Table, rounds: int) -> None:
    """Each round: a bare container and a task's start, a bare exec and a tool call, output, memory; then crowds."""
    async with open_stack(script="run-command") as stack, Phone.open(stack.gateway_url) as phone:
        await phone.sign_in()
        project = await phone.add_project(REPOSITORY)
        async with Engine.connect(state_dir=stack.folder / "bench") as engine:
            spec = _spec(stack)
            try:
                async with engine.open(spec) as sandbox:
                    for _ in range(rounds):
                        await _round(table, stack, phone, project, sandbox)
            finally:
                await engine.remove_workspace(spec.workspace_id)
        await stack.stop_services()
        for _ in range(CROWD_ROUNDS):
            await measure_crowd(table, stack.folder / "crowd", stack.image)


async def _round(table: Table, stack: Stack, phone: Phone, project: dict[str, object], sandbox: Sandbox) -> None:
    await measure_start(table, stack, phone, project)
    await measure_tool_call(table, sandbox)
    await measure_stream(table, sandbox)
    measure_memory(table, stack)


def _spec(stack: Stack) -> SandboxSpec:
    ids = Ids(Clock())
    sockets = stack.folder / "bench" / "s"
    sockets.mkdir(parents=True)
    return SandboxSpec(
        sandbox_id=ids.new("sbx"),
        workspace_id=ids.new("wsp"),
        task_id=ids.new("tsk"),
        # Not the stack's runner, which sweeps what it does not know.
        runner_id=ids.new("rnr"),
        image=stack.image,
        socket_dir=sockets,
    )
