"""`python -m errand_local.launch NAME FILE`: becomes a service, with the variables that the file holds for it."""

import ctypes
import json
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # prctl(2)

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_ALWAYS = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", *_PROXIES, *map(str.lower, _PROXIES))


def main() -> None:
    """Never returns: another service's secrets are not in this one's environment, whatever started it."""
    service, file = sys.argv[1], Path(sys.argv[2])
    own = json.loads(file.read_text())
    kept = {name: os.environ[name] for name in _ALWAYS if name in os.environ}
    # A service must not outlive what would start it again: both would want the same folder and port.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    os.execve(sys.executable, [sys.executable, "-m", f"errand_{service}"], kept | own)  # noqa: S606


if __name__ == "__main__":
    main()
