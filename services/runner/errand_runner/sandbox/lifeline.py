"""A container ends by itself unless somebody keeps saying that its runner is there."""

import os
import time
from pathlib import Path

from errand_runner import doorway

_FILE = "alive"
# The container looks so many times in its patience.
_LOOKS = 60

# Nothing but a number that changes says that the runner is there: a container's clock may be its own (gVisor's begins
# with it), and one that is paused must not find, when it goes on, that its time is over. A missing file, or anything
# else in it, ends the loop. Who kills the loop ends the container.
_SCRIPT = r"""
looks=0 last=
while [ "$looks" -lt "$1" ]; do
    read -r now < "$3" || exit 1
    case $now in '' | *[!0-9]*) exit 1 ;; esac
    if [ "$now" = "$last" ]; then looks=$((looks + 1)); else looks=0 last=$now; fi
    sleep "$2"
done
"""


def command(patience_s: int) -> list[str]:
    """What a container runs: it ends once it was not renewed for so long, give or take a look."""
    look_s = max(1, patience_s // _LOOKS)
    return ["sh", "-c", _SCRIPT, "sh", str(max(1, patience_s // look_s)), str(look_s), f"{doorway.FOLDER}/{_FILE}"]


def renew(socket_dir: Path) -> None:
    """The runner is there: from now on the container has its whole patience. Blocks; raises OSError.

    Written in place: on a full disk, too, there is room for what replaces its like.
    """
    descriptor = os.open(socket_dir / _FILE, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        # Whatever the umask: the sandbox's uid is nobody on this host.
        os.fchmod(descriptor, 0o644)
        os.pwrite(descriptor, b"%020d\n" % time.monotonic_ns(), 0)
    finally:
        os.close(descriptor)
