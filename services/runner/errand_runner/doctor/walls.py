"""The walls of a sandbox: what is tried at each, what it means where one is missing, and what to do."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wall:
    """`tried` completes "tried to ..."; `missing` is for people."""

    name: str
    tried: str
    missing: str


_ENGINE = "see that the engine is Docker 20.10 or newer and its runtime (ERRAND_SANDBOX_RUNTIME) takes what it is given"
_LIST = "see that the kernel has seccomp (CONFIG_SECCOMP_FILTER) and the engine was not started with another profile"
_CGROUPS = "see that the kernel has this cgroup controller on: `docker info` warns of each that is off"

# By the name of what tries it in probe.py.
INSIDE = {
    "network": Wall("network", "see a network", f"a task could reach other machines; {_ENGINE}"),
    "reach": Wall("way out", "connect to the internet and the host", f"a task could send your code away; {_ENGINE}"),
    "vsock": Wall("hypervisor", "open a vsock", f"a task could talk to what runs this machine; {_LIST}"),
    "capabilities": Wall("capabilities", "have a right of root", f"a task could act as part of root; {_ENGINE}"),
    "privileges": Wall(
        "privileges", "gain some by setuid", f"a program of the image could make a task root; {_ENGINE}"
    ),
    "filtered": Wall("call filter", "be without one", f"a task could use all of the kernel; {_LIST}"),
    "calls": Wall("system calls", "make some that are refused", f"a task could use what breaks kernels; {_LIST}"),
    "user": Wall("user", "be a user of the host", f"a task's files and processes would be a host user's; {_ENGINE}"),
    "groups": Wall("groups", "be in a group of the host", f"a task could read what that group may; {_ENGINE}"),
    "root": Wall("read-only root", "write into the image", f"a task could change the tools of its sandbox; {_ENGINE}"),
    "mounts": Wall("mounts", "find others to write to", f"a task could change files of the host; {_ENGINE}"),
    "engine": Wall("engine's socket", "find Docker's socket", "a task would be root on the host; use another image"),
    "settings": Wall("kernel settings", "write to /proc and /sys", f"a task could change this host; {_ENGINE}"),
    "secrets": Wall("kernel memory", "read of the host's kernel", f"a task could read the host's secrets; {_ENGINE}"),
    "devices": Wall("devices", "find or make a disk", f"a task could read the host's disks; {_ENGINE}"),
    "control": Wall("control groups", "change its own limits", f"a task could lift its limits; {_ENGINE}"),
    "neighbours": Wall("processes seen", "see those of the host", f"a task could watch the host's work; {_ENGINE}"),
    "supervisor": Wall("supervisor", "trace or read it", f"a task could speak for its supervisor; {_ENGINE}"),
    "keeper": Wall("keeper", "stop it", f"a task could go on without its runner; {_ENGINE}"),
    "processes": Wall("processes", "start more than allowed", f"a task could stop the host with forks; {_CGROUPS}"),
    "open_files": Wall("open files", "open more than allowed", f"a task could take the host's file handles; {_ENGINE}"),
    "file_size": Wall("file size", "make a longer file", f"a task could fill the disk with one file; {_ENGINE}"),
    "cores": Wall("core dumps", "leave one", f"a crash could write a task's memory to the host; {_ENGINE}"),
}
MEMORY = Wall("memory", "take more than allowed", f"a task could take the host's memory; {_CGROUPS}")
STATE = Wall(
    "state folder",
    "enter the sockets as somebody else",
    "people of this host could act as a sandbox; chmod 700 the folder that is named",
)
