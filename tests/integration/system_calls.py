"""System calls by the numbers of x86_64, each with arguments that do nothing where it is allowed."""

import json
import subprocess
from pathlib import Path

from errand_runner.sandbox.docker import Sandbox

Call = tuple[int | None, list[int]]

PROBE = Path(__file__).with_name("probes") / "system_calls.py"

# A pointer that points nowhere, no descriptor, no process.
BAD, NONE = 1, -1

SOCKET, IOCTL, CLONE, PERSONALITY = 41, 16, 56, 135

EPERM_EVEN_FOR_ROOT: dict[str, Call] = {
    "unshare": (272, [0x1000_0000]),
    "setns": (308, [NONE, 0]),
    "mount": (165, [BAD, BAD, BAD, 0, 0]),
    "umount2": (166, [BAD, 0]),
    "pivot_root": (155, [BAD, BAD]),
    "chroot": (161, [BAD]),
    "open_tree": (428, [NONE, BAD, 0]),
    "move_mount": (429, [NONE, BAD, NONE, BAD, 0]),
    "fsopen": (430, [BAD, 0]),
    "fsconfig": (431, [NONE, 0, 0, 0, 0]),
    "fsmount": (432, [NONE, 0, 0]),
    "fspick": (433, [NONE, BAD, 0]),
    "mount_setattr": (442, [NONE, BAD, 0, BAD, 32]),
    "bpf": (321, [0, BAD, 48]),
    "perf_event_open": (298, [BAD, 0, NONE, NONE, 0]),
    "userfaultfd": (323, [0xFFFF]),
    "add_key": (248, [BAD, BAD, BAD, 1, 0]),
    "request_key": (249, [BAD, BAD, BAD, 0]),
    "keyctl": (250, [999]),
    "process_vm_readv": (310, [NONE, 0, 0, 0, 0, 1]),
    "process_vm_writev": (311, [NONE, 0, 0, 0, 0, 1]),
    "kcmp": (312, [0x7FFF_FFFF, 0x7FFF_FFFF, 0, 0, 0]),
    "pidfd_getfd": (438, [NONE, 0, 1]),
    "process_madvise": (440, [NONE, BAD, 1, 0, 0]),
    "process_mrelease": (448, [NONE, 0]),
    "init_module": (175, [BAD, 1, BAD]),
    "delete_module": (176, [BAD, 0]),
    "finit_module": (313, [NONE, BAD, 0]),
    "kexec_load": (246, [0, 99, BAD, 0]),
    "kexec_file_load": (320, [NONE, NONE, 0, BAD, 0xFFFF]),
    "reboot": (169, [0, 0, 0, 0]),
    "swapon": (167, [BAD, 0]),
    "swapoff": (168, [BAD]),
    "quotactl": (179, [0, BAD, 0, BAD]),
    "quotactl_fd": (443, [NONE, 0, 0, BAD]),
    "acct": (163, [BAD]),
    "settimeofday": (164, [BAD, 0]),
    "clock_settime": (227, [0, BAD]),
    "adjtimex": (159, [BAD]),
    "clock_adjtime": (305, [0, BAD]),
    "sethostname": (170, [BAD, 5]),
    "setdomainname": (171, [BAD, 5]),
    "name_to_handle_at": (303, [NONE, BAD, BAD, BAD, 0xFFFF]),
    "open_by_handle_at": (304, [NONE, BAD, 0]),
    "fanotify_init": (300, [0xFFFF_FFFF, 0]),
    "fanotify_mark": (301, [NONE, 0, 0, NONE, BAD]),
    "lookup_dcookie": (212, [0, BAD, 1]),
    "memfd_secret": (447, [0xFFFF]),
    "syslog": (103, [99, 0, 0]),
    "vhangup": (153, []),
    "iopl": (172, [4]),
    "ioperm": (173, [0x40_0000, 1, 1]),
    "modify_ldt": (154, [99, BAD, 0]),
    "mbind": (237, [0, 0, 99, 0, 0, 0]),
    "set_mempolicy": (238, [99, 0, 0]),
    "migrate_pages": (256, [NONE, 0, BAD, BAD]),
    "move_pages": (279, [0x7FFF_FFFF, 1, BAD, 0, BAD, 0]),
    "io_submit": (209, [0, 1, BAD]),
    "io_uring_enter": (426, [NONE, 0, 0, 0, 0, 0]),
    "io_uring_register": (427, [NONE, 0, 0, 0]),
    "remap_file_pages": (216, [0, 0, 1, 0, 0]),
    "uselib": (134, [BAD]),
    "ustat": (136, [0, BAD]),
    "sysfs": (139, [99]),
    "_sysctl": (156, [BAD]),
    "nfsservctl": (180, [0, 0, 0]),
    "a new namespace of mounts": (CLONE, [0x0002_0000 | 17, 0, 0, 0, 0]),
    "a new namespace of groups": (CLONE, [0x0200_0000 | 17, 0, 0, 0, 0]),
    "a new namespace of names": (CLONE, [0x0400_0000 | 17, 0, 0, 0, 0]),
    "a new namespace of messages": (CLONE, [0x0800_0000 | 17, 0, 0, 0, 0]),
    "a new namespace of users": (CLONE, [0x1000_0000 | 17, 0, 0, 0, 0]),
    "a new namespace of processes": (CLONE, [0x2000_0000 | 17, 0, 0, 0, 0]),
    "a new namespace of networks": (CLONE, [0x4000_0000 | 17, 0, 0, 0, 0]),
    "what is readable is executable": (PERSONALITY, [0x40_0000]),
    "a page at address 0": (PERSONALITY, [0x10_0000]),
    "a letter typed into a terminal": (IOCTL, [NONE, 0x5412, BAD]),
    "the same with a bit that the kernel drops": (IOCTL, [NONE, 0x1_0000_5412, BAD]),
    "a console's selection typed": (IOCTL, [NONE, 0x541C, BAD]),
    "its netlink for audit": (SOCKET, [16, 3, 9]),
    "its netlink for firewalls": (SOCKET, [16, 3, 12]),
    "TCP as SCTP": (SOCKET, [2, 1, 132]),
    "IP without a protocol": (SOCKET, [2, 3, 255]),
    "DCCP": (SOCKET, [2, 6, 0]),
    "a pair of TIPC": (53, [30, 1, 0, BAD]),
    "a local socket with a bit that the kernel drops": (SOCKET, [0x1_0000_0001, 1, 0]),
}

# Those that these calls ask for, beside Docker's own. Not all: a host that is a guest itself may lack one.
_CAPABILITIES = (
    *("SYS_ADMIN", "SYS_MODULE", "SYS_BOOT", "SYS_TIME", "SYS_RAWIO", "SYS_PACCT", "SYS_PTRACE", "SYS_TTY_CONFIG"),
    *("SYS_NICE", "SYSLOG", "DAC_READ_SEARCH", "NET_ADMIN", "NET_RAW"),
)

# Local ones, the two of IP and netlink have conditions of their own.
FAMILIES: dict[str, Call] = {
    f"socket family {number}": (SOCKET, [number, 2, 0]) for number in range(46) if number not in (1, 2, 10, 16)
}

ENOSYS_THOUGH_THERE: dict[str, Call] = {
    "clone3": (435, [BAD, 64]),
    "io_setup": (206, [0, BAD]),
    "io_uring_setup": (425, [1, BAD]),
}

# Newer than what most runtimes know by name.
REFUSED_SOMEHOW: dict[str, Call] = {
    "statmount": (457, [BAD, BAD, 0, 0]),
    "listmount": (458, [BAD, BAD, 0, 0]),
    "open_tree_attr": (467, [NONE, BAD, 0, BAD, 0]),
}

# Beside those that everything needs: what has a condition, from its allowed side.
ALLOWED: dict[str, Call] = {
    "a fork": (CLONE, [17, 0, 0, 0, 0]),
    "Linux": (PERSONALITY, [0]),
    "which personality": (PERSONALITY, [0xFFFF_FFFF]),
    "addresses not at random": (PERSONALITY, [0x4_0000]),
    "a local socket": (SOCKET, [1, 1, 0]),
    "a local pair's type": (53, [1, 1 | 0x8_0000, 0, 0x1000]),
    "TCP": (SOCKET, [2, 1 | 0x8_0800, 0]),
    "TCP by name": (SOCKET, [10, 1, 6]),
    "UDP": (SOCKET, [10, 2, 0]),
    "UDP by name": (SOCKET, [2, 2, 17]),
    "which addresses there are": (SOCKET, [16, 3, 0]),
    **{f"ioctl {number:#x}": (IOCTL, [NONE, number, BAD]) for number in (0x5401, 0x5411, 0x5413, 0x541B, 0x541D, 0)},
}


async def in_sandbox(sandbox: Sandbox, calls: dict[str, Call]) -> dict[str, int | str]:
    """What comes of each call as Claude's commands make it."""
    path = "/tmp/calls.json"
    await sandbox.supervisor.write(path, json.dumps(calls).encode())
    argv = ["sh", "-c", f'exec python3 -c "$0" < {path}', PROBE.read_text()]
    done = await sandbox.supervisor.capture(argv, cwd="/workspace", timeout_s=30)
    assert done.exit.code == 0, done.stderr.decode()
    return dict(json.loads(done.stdout))


def unhardened(image: str, calls: dict[str, Call]) -> dict[str, int | str]:
    """The same in a container of root's that filters nothing."""
    argv = ["docker", "run", "--rm", "--interactive", "--network", "none", "--security-opt", "seccomp=unconfined"]
    argv += [f"--cap-add={name}" for name in _CAPABILITIES]
    argv += [image, "python3", "-c", PROBE.read_text()]
    done = subprocess.run(argv, input=json.dumps(calls), capture_output=True, check=True, text=True, timeout=50)
    return dict(json.loads(done.stdout))
