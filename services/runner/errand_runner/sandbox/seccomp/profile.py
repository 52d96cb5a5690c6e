"""The list of system calls as the engine takes it: JSON in a container's security options."""

import errno
import functools
import json

from errand_runner.sandbox.seccomp.allowed import NOT_THERE, names
from errand_runner.sandbox.seccomp.conditions import rules

# With the sub-architectures left out: 32-bit calls have other numbers and come through other doors; a process that
# makes one is killed.
_ARCHITECTURES = ("SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64")


@functools.cache
def profile() -> str:
    """What is not allowed answers EPERM; calls newer than the newest of the list, ENOSYS (the runtime sees to that)."""
    return json.dumps(
        {
            "defaultAction": "SCMP_ACT_ERRNO",
            "archMap": [{"architecture": name, "subArchitectures": []} for name in _ARCHITECTURES],
            "syscalls": [
                {"names": names(), "action": "SCMP_ACT_ALLOW"},
                *({"names": [name], "action": "SCMP_ACT_ALLOW", "args": conditions} for name, conditions in rules()),
                {"names": list(NOT_THERE), "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS},
            ],
        },
        separators=(",", ":"),
    )
