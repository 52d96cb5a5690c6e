"""A command has the supervisor's own uid, and still cannot reach into it."""

import pytest

from errand_runner.sandbox.docker import Engine
from errand_runner.sandbox.supervisor import SandboxGone
from tests.integration.sandboxing import MakeSpec, sh

# The command's parent is its leader, whose parent is the supervisor; its own background process is what can be reached.
REACH = """
leader=$PPID; supervisor=$(ps -o ppid= -p $PPID | tr -d ' '); sleep 60 & own=$!
reach() { for name in fd/0 fd/1 mem environ; do (: < /proc/$1/$name) 2>/dev/null && echo "$2 $name"; done
  python3 - $1 << 'END' && echo "$2 ptrace"
import ctypes, sys
libc = ctypes.CDLL(None)
sys.exit(0 if libc.ptrace(16, int(sys.argv[1]), 0, 0) == 0 else 1)
END
}
reach $leader leader; reach $supervisor supervisor; reach $own own
"""


async def test_neither_supervisor_nor_leader_can_be_opened_or_traced(engine: Engine, make_spec: MakeSpec) -> None:
    async with engine.open(make_spec()) as sandbox:
        reached = (await sh(sandbox, REACH)).splitlines()
    assert [line for line in reached if not line.startswith("own")] == []
    # So the attempts themselves are sound; whether any ptrace is allowed is the container's affair.
    assert {"own fd/0", "own mem", "own environ"} <= set(reached)


async def test_the_out_of_memory_killer_prefers_commands(engine: Engine, make_spec: MakeSpec) -> None:
    scores = "cd /proc; cat self/oom_score_adj $(ps -o ppid= -p $PPID | tr -d ' ')/oom_score_adj"
    async with engine.open(make_spec()) as sandbox:
        assert (await sh(sandbox, scores)).split() == ["800", "500"]


async def test_a_command_that_kills_the_supervisor_loses_the_sandbox(engine: Engine, make_spec: MakeSpec) -> None:
    async with engine.open(make_spec()) as sandbox:
        with pytest.raises(SandboxGone):
            await sh(sandbox, "kill -9 $(ps -o ppid= -p $PPID); sleep 60")


async def test_a_leader_that_is_killed_ends_its_command_alone(engine: Engine, make_spec: MakeSpec) -> None:
    async with engine.open(make_spec()) as sandbox:
        done = await sandbox.supervisor.capture(
            ["bash", "-c", "setsid sleep 77 & kill -9 $PPID; sleep 60"], cwd="/", timeout_s=20
        )
        assert done.exit.signal == 9
        assert await sh(sandbox, "pgrep -f 'sleep 7[7]'") == ""
