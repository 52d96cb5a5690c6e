"""How much of the host one sandbox may take."""

from dataclasses import dataclass, replace

from errand_common.disk import GIB


@dataclass(frozen=True, kw_only=True)
class Limits:
    """For all of a sandbox's processes together, but files and their size: each process, each file.

    The defaults leave two sandboxes room on a host of 2 CPUs, 4 GiB of memory and 40 GB of disk. `workspace_bytes` is
    watched (quota.py), the rest is the kernel's; 0 there watches nothing.
    """

    memory_bytes: int = 2 * GIB
    cpus: float = 2.0
    pids: int = 512
    open_files: int = 8192
    file_bytes: int = 4 * GIB
    workspace_bytes: int = 10 * GIB

    def on(self, host_cpus: int) -> "Limits":
        """The same on a host, whose engine refuses to give more CPUs than there are."""
        return replace(self, cpus=min(self.cpus, float(host_cpus)))
