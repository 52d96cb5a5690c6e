"""The connection to a Docker engine on this host."""

import socket

import docker
from docker.errors import DockerException

from errand_runner.sandbox.docker.errors import EngineUnavailable

DEFAULT_ENGINE = "unix:///var/run/docker.sock"

# One engine call; starting a container on a busy host takes seconds.
CALL_S = 60


def connect(base_url: str) -> docker.APIClient:
    """Blocks. The client gives each of its calls CALL_S. Raises EngineUnavailable."""
    scheme, _, path = base_url.partition("://")
    if scheme != "unix":
        raise EngineUnavailable(f"sandboxes need a Docker engine on this host, on a unix socket; {base_url} is none")
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(CALL_S)
            probe.connect(path)
        return docker.APIClient(base_url, version="auto", timeout=CALL_S)
    except FileNotFoundError as exc:
        raise EngineUnavailable(f"no Docker engine at {path}; install and start Docker (docker.io)") from exc
    except PermissionError as exc:
        raise EngineUnavailable(f"no right to use {path}; add this user to the docker group and log in again") from exc
    except ConnectionRefusedError as exc:
        raise EngineUnavailable(f"nothing answers at {path}; start the Docker engine") from exc
    except (OSError, DockerException) as exc:
        raise EngineUnavailable(f"the Docker engine at {path} does not answer sensibly: {exc}") from exc
