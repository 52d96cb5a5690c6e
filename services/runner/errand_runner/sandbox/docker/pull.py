"""An image is got from its registry, by the engine."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import docker
from docker import auth

from errand_common.images import ImageName
from errand_runner.sandbox.docker.errors import EngineUnavailable, ImageMissing
from errand_runner.sandbox.docker.progress import Progress

Say = Callable[[str], None]

_CONNECT_S = 15
_BETWEEN_LINES_S = 1.0
_LONGEST_ANSWER_BYTES = 64 * 1024
_REFUSED = ("not found", "unknown", "does not exist", "denied", "unauthorized", "forbidden")


async def pull(client: docker.APIClient, socket: str, image: ImageName, say: Say) -> None:
    """Not by the SDK, whose call has no bound and cannot be called off: hanging up ends the engine's pull as well.

    `say` gets a line at most every second. Raises ImageMissing, with what the engine said, and EngineUnavailable. The
    caller bounds it.
    """
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S)
    url = f"http://docker/v{client.api_version}/images/create"
    question = {"fromImage": image.name, "tag": image.version}
    try:
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=socket), timeout=timeout) as session,
            session.post(url, params=question, headers=_credential(client, image)) as answer,
        ):
            if answer.status != 200:
                raise _missing(image, _words(await answer.content.read(_LONGEST_ANSWER_BYTES)))
            await _follow(answer.content, image, say)
    except (aiohttp.ClientError, OSError, ValueError) as exc:
        raise EngineUnavailable(
            f"the Docker engine went away while it pulled {image} ({exc}); see that it runs (systemctl status docker)"
        ) from exc


async def _follow(lines: aiohttp.StreamReader, image: ImageName, say: Say) -> None:
    progress, told_s = Progress(), 0.0
    async for line in lines:
        told: dict[str, Any] = json.loads(line)
        if error := told.get("error"):
            raise _missing(image, str(error))
        progress.take(told)
        if (now_s := time.monotonic()) - told_s >= _BETWEEN_LINES_S:
            told_s = now_s
            say(f"{progress.line()}\n")
    say(f"{progress.line()}\n")


def _credential(client: docker.APIClient, image: ImageName) -> Mapping[str, str]:
    """What `docker login` left to the runner's user for the image's registry, if anything."""
    registry, _ = auth.resolve_repository_name(image.name)
    header = auth.get_config_header(client, registry)
    return {"X-Registry-Auth": header.decode() if isinstance(header, bytes) else header} if header else {}


def _missing(image: ImageName, said: str) -> ImageMissing:
    said = " ".join(said.split())[:500]
    if any(word in said.lower() for word in _REFUSED):
        return ImageMissing(
            f"image {image} is not at its registry, or this host may not pull it ({said}); see to its name in the"
            " project's settings, or log the runner's host in (docker login), then send the task on"
        )
    return ImageMissing(
        f"image {image} could not be pulled ({said}); see that the runner's host reaches the registry, then send the"
        " task on"
    )


def _words(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        return answer.decode(errors="replace")
