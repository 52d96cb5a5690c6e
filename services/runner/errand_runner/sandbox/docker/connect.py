"""The connection to a Docker engine on this host."""

import os
import socket

import docker
from docker.errors import DockerException

from errand_runner.sandbox.docker.errors import EngineUnavailable

DEFAULT_ENGINE = "unix:///var/run/docker.sock"

# One engine call; starting a container on a busy host takes seconds.
CALL_S = 60
# The first call asks for the version alone.
_FIRST_CALL_S = 15


def connect(base_url: str) -> docker.APIClient:
    """Blocks. The client gives each of its calls CALL_S. Raises EngineUnavailable."""
    scheme, _, path = base_url.partition("://")
    if scheme != "unix":
        raise EngineUnavailable(
            f"sandboxes need a Docker engine on this host, on a unix socket; {base_url} is none;"
            f" set DOCKER_HOST={DEFAULT_ENGINE}"
        )
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_FIRST_CALL_S)
            probe.connect(path)
        client = docker.APIClient(base_url, version="auto", timeout=_FIRST_CALL_S)
    except FileNotFoundError as exc:
        raise EngineUnavailable(
            f"no Docker engine at {path}; install and start Docker (docker.io), or set DOCKER_HOST to its socket"
        ) from exc
    except PermissionError as exc:
        raise EngineUnavailable(
            f"user id {os.getuid()} has no right to use {path}; add the runner's user to the socket's group"
            " (usermod -aG docker USER) and start the runner anew after that user's next login"
        ) from exc
    except ConnectionRefusedError as exc:
        raise EngineUnavailable(
            f"nothing answers at {path}; start the Docker engine (systemctl start docker), or set DOCKER_HOST"
        ) from exc
    except (OSError, DockerException) as exc:
        raise EngineUnavailable(
            f"what listens at {path} does not answer sensibly as a Docker engine ({exc}); start Docker anew"
            " (systemctl restart docker), or set DOCKER_HOST to its socket"
        ) from exc
    client.timeout = CALL_S
    return client
