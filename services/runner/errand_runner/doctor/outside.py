"""What is seen of a host from outside its sandboxes."""

import stat
from collections.abc import Iterator
from pathlib import Path

from errand_common.disk import in_words
from errand_runner.doctor.findings import Finding, Verdict
from errand_runner.doctor.walls import STATE
from errand_runner.sandbox.docker import EngineFacts
from errand_runner.sandbox.limits import Limits


def outside(facts: EngineFacts, *, data: Path, runtime: str, limits: Limits, slots: int) -> Iterator[Finding]:
    """What the engine says, and whose the state folder is."""
    yield Finding("engine", "ask its version", f"Docker {facts.version}", Verdict.KNOWN)
    yield Finding("cgroups", "ask their version", f"version {facts.cgroup_version}", Verdict.KNOWN)
    yield Finding("runtime", "ask which", runtime or f"{facts.default_runtime} (the engine's default)", Verdict.KNOWN)
    yield _confinement(facts)
    yield _user_namespaces(facts)
    yield _room(facts, limits, slots)
    yield from _closed(data / "s")


def _confinement(facts: EngineFacts) -> Finding:
    found = [name for name in ("apparmor", "selinux") if name in facts.security]
    if found:
        return Finding("confinement", "find AppArmor or SELinux", ", ".join(found), Verdict.HOLDS)
    more = "a second fence around containers; Debian and Ubuntu have AppArmor on by default, install `apparmor`"
    return Finding("confinement", "find AppArmor or SELinux", "neither", Verdict.ADVICE, more)


def _user_namespaces(facts: EngineFacts) -> Finding:
    if {"userns", "rootless"} & set(facts.security):
        return Finding("user namespaces", "find them on", "on", Verdict.HOLDS)
    more = (
        'root in a container would be root of the host; sandboxes are never root, still: "userns-remap" in daemon.json'
    )
    return Finding("user namespaces", "find them on", "off", Verdict.ADVICE, more)


def _room(facts: EngineFacts, limits: Limits, slots: int) -> Finding:
    asked = slots * limits.memory_bytes
    found = f"{slots} x {in_words(limits.memory_bytes)} of {in_words(facts.memory_bytes)}"
    if asked <= facts.memory_bytes:
        return Finding("memory for all", "add up the slots", found, Verdict.HOLDS)
    more = "all sandboxes together may take more than there is; lower ERRAND_SLOTS or ERRAND_SANDBOX_MEMORY_BYTES"
    return Finding("memory for all", "add up the slots", found, Verdict.ADVICE, more)


def _closed(sockets: Path) -> Iterator[Finding]:
    try:
        mode = stat.S_IMODE(sockets.stat().st_mode)
    except FileNotFoundError:
        # The runner makes it, closed, at its start.
        return
    yield Finding.of_wall(STATE, held=not mode & 0o077, found=f"{sockets} has mode {mode:o}")
