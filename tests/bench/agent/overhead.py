"""What a turn costs beside model and tool: a whole Errand and mini-swe-agent through the same replies and commands."""

from tests.bench.agent.claude_process import open_claude, times
from tests.bench.agent.mini import open_mini
from tests.bench.agent.script import TURNS
from tests.bench.rows import Table
from tests.demo.phone import Json, Phone, is_final
from tests.demo.stack import REPOSITORY, Claude, open_stack

MINI = "a turn beside model and tool: mini-swe-agent"
ERRAND = "a turn beside model and tool: Errand"


async def measure_overhead(table: Table, rounds: int) -> None:
    """Each round: one session of each, one after the other. One before them is not counted.

    From a reply's last byte to the next request's, as Claude sees it, less what the tools took by each one's own count.
    """
    async with (
        open_claude() as claude,
        open_stack(claude=Claude(f"{claude}/errand", "of-no-use")) as stack,
        Phone.open(stack.gateway_url) as phone,
        open_mini(f"{claude}/mini", stack) as mini,
    ):
        await phone.sign_in()
        project = await phone.add_project(REPOSITORY)
        for number in range(rounds + 1):
            theirs = await _beside(await mini(), claude)
            ours = await _beside(await session(phone, project), claude)
            if number:
                table.add(MINI, theirs, unit="ms")
                table.add(ERRAND, ours, unit="ms", peer=MINI, goal="0.5 or less")


async def _beside(tools_ms: float, claude: str) -> float:
    (gaps,) = await times(claude)
    assert len(gaps) == TURNS, f"{len(gaps)} turns of {TURNS}"
    return (sum(gaps) - tools_ms) / TURNS


async def session(phone: Phone, project: Json) -> float:
    """One task to its end; gives what its tools took, in milliseconds."""
    task = await phone.create_task(project, "Go through the steps.")
    async with phone.live(task) as messages:
        async for message in messages:
            if is_final(message):
                break
    assert (await phone.task(task))["status"] == "completed"
    calls = await phone.tool_calls(task)
    assert len(calls) == TURNS
    assert not any(call["is_error"] for call in calls)
    return 1000.0 * sum(float(call["duration"]) for call in calls)
