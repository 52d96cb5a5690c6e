"""The unhardened containers of the controls, by what was left out. `{...}` is filled in by the world."""

_POWERS = ("SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "DAC_READ_SEARCH", "SYS_TIME", "SYS_NICE", "SYSLOG")
_FILTERS_OFF = ("--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined")

ROOT = ("--network", "none")
"""`docker run` as it is, but for the network: root, Docker's own system call filter and capabilities."""

USER = (*ROOT, "--user", "1000:1000")
"""The same for an ordinary user."""

UNFILTERED = (*USER, *_FILTERS_OFF)
"""An ordinary user whose system calls nobody filters."""

POWERFUL = (
    *ROOT,
    *_FILTERS_OFF,
    *("--security-opt", "systempaths=unconfined", "--cgroupns", "host", "--device-cgroup-rule", "a *:* rwm"),
    *(f"--cap-add={name}" for name in _POWERS),
)
"""Root with nearly every power, in namespaces of its own."""

HOST = (
    *_FILTERS_OFF,
    *(f"--cap-add={name}" for name in _POWERS),
    *("--network", "host", "--pid", "host", "--ipc", "host"),
)
"""Root with those powers in the host's namespaces."""

NEIGHBOUR = (
    "--network",
    "container:{neighbour}",
    "--pid",
    "container:{neighbour}",
    "--user",
    "{neighbour_uid}:{neighbour_uid}",
)
"""An ordinary user, with the other sandbox's network, processes and uid."""

VOLUME = (*USER, "--volume", "{volume}:/workspace")
"""An ordinary user on the sandbox's own volume."""
