"""The conditions of system calls, read as the kernel's filter reads them."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from errand_runner.sandbox import seccomp

TIOCSTI, TIOCLINUX = 0x5412, 0x541C


def allowed(name: str, *arguments: int) -> bool:
    """Whether some rule lets the call pass."""
    rules = [rule for rule in json.loads(seccomp.profile())["syscalls"] if name in rule["names"]]
    return any(
        all(_holds(condition, arguments) for condition in rule.get("args", []))
        for rule in rules
        if rule["action"] == "SCMP_ACT_ALLOW"
    )


def _holds(condition: dict[str, int | str], arguments: tuple[int, ...]) -> bool:
    value = arguments[int(condition["index"])]
    if condition["op"] == "SCMP_CMP_EQ":
        return value == condition["value"]
    assert condition["op"] == "SCMP_CMP_MASKED_EQ"
    return value & int(condition["value"]) == condition["valueTwo"]


@given(st.integers(0, (1 << 64) - 1))
@example(TIOCSTI)
@example(TIOCLINUX)
@example(TIOCSTI | 1 << 32)
@example(TIOCSTI ^ 2)
@example(TIOCSTI & TIOCLINUX)
@example(TIOCSTI | TIOCLINUX)
def test_of_what_a_terminal_is_asked_two_things_are_refused_and_no_third(request: int) -> None:
    assert allowed("ioctl", 0, request) == (request % (1 << 32) not in (TIOCSTI, TIOCLINUX))


@given(st.integers(0, (1 << 64) - 1))
def test_a_clone_makes_no_namespace(flags: int) -> None:
    assert allowed("clone", flags) == (flags & 0x7E02_0000 == 0)


@pytest.mark.parametrize("architecture", ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"])
def test_no_architecture_has_a_second_door(architecture: str) -> None:
    entries = json.loads(seccomp.profile())["archMap"]
    assert [entry["subArchitectures"] for entry in entries if entry["architecture"] == architecture] == [[]]


def test_a_call_stands_once() -> None:
    names = [
        name for rule in json.loads(seccomp.profile())["syscalls"] if not rule.get("args") for name in rule["names"]
    ]
    assert sorted(names) == sorted(set(names))
