"""Whether an image can be a sandbox: looked at from inside, in a container as hard as a sandbox's."""

from collections.abc import Mapping
from typing import Any

from errand_common.images import ImageName
from errand_runner.sandbox import profile

PROBE_UID = 199_999
"""Below the uids of workspaces, and of nobody else; what runs for a task would be as far from root."""

_PASSED = 64
_GIT, _PYTHON_ABSENT, _PYTHON_OLD, _BASH, _PLACES = 1, 2, 4, 8, 16
_PYTHON_INCOMPLETE = _PYTHON_ABSENT | _PYTHON_OLD
_OLD_CODE = 3

# The supervisor's own imports are tried as they will be: distributions split the standard library.
_PYTHON = f"""
import sys
if sys.version_info < (3, 8):
    sys.exit({_OLD_CODE})
sys.path.insert(0, "{profile.GUEST_FOLDER}")
import guest.main
"""

_SCRIPT = f"""
lacks=0
git --version || lacks=$((lacks + {_GIT}))
bash -c : || lacks=$((lacks + {_BASH}))
if command -v python3; then
    python3 -I -S -c '{_PYTHON}'
    case $? in 0) ;; {_OLD_CODE}) lacks=$((lacks + {_PYTHON_OLD}));; *) lacks=$((lacks + {_PYTHON_INCOMPLETE}));; esac
else
    lacks=$((lacks + {_PYTHON_ABSENT}))
fi
touch /tmp/probe || lacks=$((lacks + {_PLACES}))
exit $(({_PASSED} + lacks))
"""


def probe_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The container of a probe, from that of a sandbox: the same walls, without the workspace."""
    host: dict[str, Any] = dict(config["HostConfig"])
    host["Mounts"] = [mount for mount in host["Mounts"] if mount["Target"] == profile.GUEST_FOLDER]
    user = f"{PROBE_UID}:{PROBE_UID}"
    return dict(config) | {"Cmd": ["sh", "-c", _SCRIPT], "User": user, "WorkingDir": "/", "HostConfig": host}


def lacking(exit_code: int) -> tuple[str, ...]:
    """What an image lacks whose probe ended so: in words, nothing for one that is fit."""
    if exit_code not in range(_PASSED, _PASSED + 2 * _PLACES):
        return ("a sh that runs on this host's processor",)
    bits = exit_code - _PASSED
    python = {
        0: "",
        _PYTHON_ABSENT: "python3 (3.8 or newer)",
        _PYTHON_OLD: "a python3 that is 3.8 or newer",
        _PYTHON_INCOMPLETE: "a python3 with its whole standard library",
    }[bits & _PYTHON_INCOMPLETE]
    lacks = (
        "git" if bits & _GIT else "",
        python,
        "bash" if bits & _BASH else "",
        "a /tmp that all may write to (mode 1777)" if bits & _PLACES else "",
    )
    return tuple(filter(None, lacks))


def unfit(image: ImageName, lacks: tuple[str, ...]) -> str:
    """The refusal, with the cure."""
    return (
        f"image {image} cannot be used, since it has not {', '.join(lacks)}; a sandbox needs sh, bash, git and python3."
        " Add them to the image, in its Dockerfile: RUN apt-get update && apt-get install -y bash git python3"
        " (on Alpine: RUN apk add bash git python3); or choose another image in the project's settings"
    )
