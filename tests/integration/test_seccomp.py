"""The list of system calls, on the real engine: what it refuses, which root could do otherwise, what it lets be."""

import errno
import platform

import pytest

from errand_runner.sandbox.docker import Engine
from tests.integration import system_calls
from tests.integration.sandboxing import MakeSpec, sh
from tests.integration.system_calls import Call, in_sandbox, unhardened

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="calls are named by the numbers of x86_64")

THIRTY_TWO_BIT: dict[str, Call] = {"getpid of 32 bits": (None, [])}


async def _compared(
    engine: Engine, make_spec: MakeSpec, image: str, calls: dict[str, Call]
) -> dict[str, tuple[int | str, int | str]]:
    """What came of each call: in a sandbox, and in an unhardened container."""
    async with engine.open(make_spec()) as sandbox:
        inside = await in_sandbox(sandbox, calls)
    outside = unhardened(image, calls)
    return {name: (inside[name], outside[name]) for name in calls}


async def test_calls_of_no_use_to_a_task_are_refused(engine: Engine, make_spec: MakeSpec, sandbox_image: str) -> None:
    calls = {**system_calls.EPERM_EVEN_FOR_ROOT, **system_calls.FAMILIES}
    found = await _compared(engine, make_spec, sandbox_image, calls)
    assert {name: inside for name, (inside, _) in found.items() if inside != errno.EPERM} == {}
    assert {name: outside for name, (_, outside) in found.items() if outside == errno.EPERM} == {}


async def test_some_calls_look_as_if_the_kernel_did_not_have_them(
    engine: Engine, make_spec: MakeSpec, sandbox_image: str
) -> None:
    found = await _compared(engine, make_spec, sandbox_image, system_calls.ENOSYS_THOUGH_THERE)
    assert {inside for inside, _ in found.values()} == {errno.ENOSYS}
    assert errno.ENOSYS not in {outside for _, outside in found.values()}


async def test_calls_newer_than_the_list_are_refused(engine: Engine, make_spec: MakeSpec) -> None:
    async with engine.open(make_spec()) as sandbox:
        found = await in_sandbox(sandbox, system_calls.REFUSED_SOMEHOW)
    assert set(found.values()) <= {errno.ENOSYS, errno.EPERM}


async def test_what_calls_the_kernel_as_32_bits_is_killed(
    engine: Engine, make_spec: MakeSpec, sandbox_image: str
) -> None:
    ((inside, outside),) = (await _compared(engine, make_spec, sandbox_image, THIRTY_TWO_BIT)).values()
    assert inside == "signal 31"
    assert outside == 0


async def test_conditions_let_the_harmless_side_of_a_call_be(engine: Engine, make_spec: MakeSpec) -> None:
    async with engine.open(make_spec()) as sandbox:
        found = await in_sandbox(sandbox, system_calls.ALLOWED)
    assert {name: got for name, got in found.items() if got in (errno.EPERM, errno.ENOSYS)} == {}


async def test_a_process_in_a_sandbox_may_be_debugged_by_its_parent(engine: Engine, make_spec: MakeSpec) -> None:
    script = """
        python3 - <<'END'
import ctypes, os
libc = ctypes.CDLL(None)
if not (pid := os.fork()):
    libc.ptrace(0, 0, 0, 0)
    os.execv("/bin/true", ["true"])
print(os.WIFSTOPPED(os.waitpid(pid, 0)[1]), libc.ptrace(7, pid, 0, 0), os.waitpid(pid, 0)[1])
END
    """
    async with engine.open(make_spec()) as sandbox:
        assert await sh(sandbox, script) == "True 0 0\n"


async def test_no_command_reaches_into_the_supervisor(engine: Engine, make_spec: MakeSpec) -> None:
    script = """
        python3 - <<'END'
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)

def tried(pid):
    traced = libc.ptrace(0x4206, pid, 0, 0)
    readable = os.access(f"/proc/{pid}/mem", os.R_OK)
    return traced, ctypes.get_errno() if traced else 0, readable

supervisor = int(open(f"/proc/{os.getppid()}/stat").read().split()[3])
while b"/opt/errand" not in open(f"/proc/{supervisor}/cmdline", "rb").read():
    supervisor = int(open(f"/proc/{supervisor}/stat").read().split()[3])
of_our_own = os.fork() or (os.execv("/bin/sleep", ["sleep", "9"]))
while b"sleep" not in open(f"/proc/{of_our_own}/cmdline", "rb").read():
    pass
print(tried(supervisor), tried(of_our_own))
END
    """
    async with engine.open(make_spec()) as sandbox:
        assert await sh(sandbox, script) == f"(-1, {errno.EPERM}, False) (0, 0, True)\n"
