"""What a sandbox's container is allowed: the request that makes it, as a pure function."""

from dataclasses import dataclass, field
from pathlib import Path

from errand_runner import doorway
from errand_runner.sandbox import image_env, lifeline, seccomp
from errand_runner.sandbox.limits import Limits
from errand_runner.sandbox.names import Label

WORKSPACE = "/workspace"
HOME = "/workspace/home"
GUEST_FOLDER = "/opt/errand"

KEEPER_UID = 199_998
"""Whose the command is that keeps a container up, and ends it without a runner: nothing that runs for a task may stop
or change that. Below the uids of workspaces, and of nobody else."""

# Not private: every file that a task may write lies on its volume or in these.
_TMPFS = {
    "/tmp": "rw,exec,nosuid,nodev,size=512m,mode=1777",  # noqa: S108 - inside the container
    "/run": "rw,noexec,nosuid,nodev,size=16m,mode=755",
}

# The host's out-of-memory killer takes a sandbox before any service.
_OOM_SCORE = 500
# Of it too counts every byte against the limit of memory.
_SHARED_MEMORY_BYTES = 256 << 20

# The engine's own list as of 20.10, and what later ones added: it tells of the host, or of its keys.
_MASKED_PATHS = [
    *("/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats"),
    *("/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats"),
    *("/sys/devices/virtual/powercap", "/sys/firmware"),
]

GIT_CONFIG = "/workspace/repo.gitconfig"
"""What git is told of one task; a sandbox may be made before there is one."""

_GIT_CONFIG = {
    "include.path": GIT_CONFIG,
    # No helper of the image may store or ask; the broker adds what is needed outside.
    "credential.helper": "",
    "safe.directory": "*",
    # A detached gc would be killed with the command that started it.
    "gc.autoDetach": "false",
}

# Both spellings: programs differ, and curl reads the small one alone for plain HTTP, which is refused in words.
# What is in the sandbox itself is reached directly. Node.js needs to be told to heed them.
_DOOR, _INSIDE = f"http://127.0.0.1:{doorway.PORT}", "localhost,127.0.0.1,::1,0.0.0.0,.localhost,sandbox"
_PROXY = {
    **dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), _DOOR),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), _INSIDE),
    "NODE_USE_ENV_PROXY": "1",
}


@dataclass(frozen=True)
class SandboxSpec:
    """One sandbox as it is asked for. `workspace_id` names its volume, which is made if there is none.

    Its container ends by itself when for `patience_s` no runner renewed its lifeline; `lifetime_s` after it was made
    any runner of this host may remove it.
    """

    sandbox_id: str
    workspace_id: str
    task_id: str
    runner_id: str
    image: str
    socket_dir: Path
    limits: Limits = field(default_factory=Limits)
    # Empty: the engine's default.
    runtime: str = ""
    # Longer than a runner may be away and still have its attempts (ARCHITECTURE.md, Bounds: lost).
    patience_s: int = 3600
    # Longer than an attempt may take (ARCHITECTURE.md, States), with what a container may have waited for it.
    lifetime_s: int = 3 * 24 * 3600
    # Of a project's image, which sets its own programs' places; it may have no folder for a workspace, or one that no
    # sandbox may write to, so that a fresh volume is made ready with this image, and takes nothing of the other.
    image_env: tuple[str, ...] = ()
    workspace_image: str = ""


def environment() -> dict[str, str]:
    """The variables that every command inherits. No secret is among them."""
    settings = {
        "HOME": HOME,
        # No passwd entry has the sandbox's uid, and tools ask these first.
        "USER": "errand",
        "LOGNAME": "errand",
        "PATH": f"{HOME}/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
        "NO_COLOR": "1",
        "PAGER": "cat",
        "GIT_PAGER": "cat",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
        # Output is watched live.
        "PYTHONUNBUFFERED": "1",
        **_PROXY,
        "PIP_PROGRESS_BAR": "off",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "GIT_CONFIG_COUNT": str(len(_GIT_CONFIG)),
    }
    for number, (key, value) in enumerate(_GIT_CONFIG.items()):
        settings[f"GIT_CONFIG_KEY_{number}"] = key
        settings[f"GIT_CONFIG_VALUE_{number}"] = value
    return settings


def container_config(spec: SandboxSpec, *, uid: int, guest: Path, expires: int) -> dict[str, object]:
    """The body of the engine's container-create request. `guest` is a folder of the host; `expires` is Unix time.

    The task's own processes are started in it later, as `uid`, which stands in its label.
    """
    return {
        "Image": spec.image,
        "Cmd": lifeline.command(spec.patience_s),
        "Entrypoint": [],
        "User": f"{KEEPER_UID}:{KEEPER_UID}",
        "WorkingDir": WORKSPACE,
        "Hostname": "sandbox",
        "Env": image_env.merged(environment(), spec.image_env),
        "Labels": {
            Label.MANAGED: "1",
            Label.RUNNER: spec.runner_id,
            Label.SANDBOX: spec.sandbox_id,
            Label.TASK: spec.task_id,
            Label.EXPIRES: str(expires),
            Label.UID: str(uid),
        },
        "HostConfig": _host_config(spec, guest),
    }


def _host_config(spec: SandboxSpec, guest: Path) -> dict[str, object]:
    limits = spec.limits
    return {
        **({"Runtime": spec.runtime} if spec.runtime else {}),
        "NetworkMode": "none",
        "Init": True,
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "Privileged": False,
        "SecurityOpt": ["no-new-privileges:true", f"seccomp={seccomp.profile()}"],
        "IpcMode": "private",
        "CgroupnsMode": "private",
        "PidsLimit": limits.pids,
        "Memory": limits.memory_bytes,
        # The same as memory: no swap.
        "MemorySwap": limits.memory_bytes,
        "NanoCpus": int(limits.cpus * 1_000_000_000),
        "OomScoreAdj": _OOM_SCORE,
        "Ulimits": [
            {"Name": "nofile", "Soft": limits.open_files, "Hard": limits.open_files},
            {"Name": "fsize", "Soft": limits.file_bytes, "Hard": limits.file_bytes},
            {"Name": "core", "Soft": 0, "Hard": 0},
        ],
        "MaskedPaths": _MASKED_PATHS,
        "ShmSize": _SHARED_MEMORY_BYTES,
        "Tmpfs": _TMPFS,
        "Mounts": [
            {
                "Type": "volume",
                "Source": spec.workspace_id,
                "Target": WORKSPACE,
                "VolumeOptions": {"NoCopy": bool(spec.workspace_image)},
            },
            {"Type": "bind", "Source": str(spec.socket_dir.absolute()), "Target": doorway.FOLDER, "ReadOnly": True},
            {"Type": "bind", "Source": str(guest.absolute()), "Target": GUEST_FOLDER, "ReadOnly": True},
        ],
        "LogConfig": {"Type": "none"},
        "RestartPolicy": {"Name": "no"},
    }
