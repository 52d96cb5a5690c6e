"""Images of projects on this host: there or got, and looked at before their first use."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, ImageNotFound, NotFound
from requests import Timeout

from errand_common.images import ImageName
from errand_runner.sandbox import profile
from errand_runner.sandbox.docker import fitness
from errand_runner.sandbox.docker.containers import Containers
from errand_runner.sandbox.docker.errors import ImageMissing, SandboxFailed
from errand_runner.sandbox.docker.lanes import Lane
from errand_runner.sandbox.docker.pull import Say, pull
from errand_runner.sandbox.profile import SandboxSpec

HOW_TO_GET = "pull it there (docker pull), build it there, or choose another one in the project's settings"

_PROBE_S = 40
_KILLED = 128 + 9
_NEVER_RAN = -1


@dataclass
class _Pulling:
    """One image's turn: a pull at a time, and who waits is told how far it is."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    listeners: list[Say] = field(default_factory=list)
    ended: int = 0
    failure: ImageMissing | None = None

    def say(self, text: str) -> None:
        for listener in self.listeners:
            listener(text)


class Images:
    """What is known of an image is kept by its id: a tag that moves is looked at anew."""

    def __init__(self, client: docker.APIClient, *, socket: str, guest: Path, slow: Lane) -> None:
        self._client, self._socket, self._guest, self._slow = client, socket, guest, slow
        self._containers = Containers(client)
        self._pulls: dict[str, _Pulling] = {}
        self._lacks: dict[str, tuple[str, ...]] = {}
        self._looking: dict[str, asyncio.Lock] = {}
        self._probes: set[str] = set()

    def __contains__(self, sandbox_id: object) -> bool:
        """Whether an image is being looked at in it: no attempt and no journal knows of it."""
        return sandbox_id in self._probes

    async def has(self, image: ImageName) -> bool:
        """Whether it is on this host."""
        return await self._slow.call(self._found, image) is not None

    async def get(self, image: ImageName, say: Say) -> None:
        """Have the engine pull it, unless it is there. Of several that ask for it at once one pulls, and all see that.

        Raises ImageMissing and EngineUnavailable. The caller bounds it; one that is cancelled leaves it to the next.
        """
        pulling = self._pulls.setdefault(str(image), _Pulling())
        asked, listener = pulling.ended, _apart(say)
        pulling.listeners.append(listener)
        try:
            async with pulling.lock:
                if pulling.failure is not None and pulling.ended > asked:
                    raise ImageMissing(str(pulling.failure)) from pulling.failure
                if not await self.has(image):
                    await self._pull(image, pulling)
        finally:
            pulling.listeners.remove(listener)
            if not pulling.listeners:
                del self._pulls[str(image)]

    async def look(self, image: ImageName, probe: SandboxSpec) -> tuple[str, ...]:
        """The environment that the image sets, once it is known to be fit for a sandbox; `probe` is one to try it in.

        Raises ImageMissing, with what it lacks, and SandboxFailed where that could not be seen.
        """
        found = await self._slow.call(self._found, image)
        if found is None:
            raise ImageMissing(f"image {image} is not on this host; {HOW_TO_GET}")
        image_id = str(found["Id"])
        async with self._looking.setdefault(image_id, asyncio.Lock()):
            if image_id not in self._lacks:
                self._lacks[image_id] = await self._looked_at(replace(probe, image=image_id))
        if lacks := self._lacks[image_id]:
            raise ImageMissing(fitness.unfit(image, lacks))
        return tuple((found["Config"] or {}).get("Env") or ())

    async def _looked_at(self, probe: SandboxSpec) -> tuple[str, ...]:
        self._probes.add(probe.sandbox_id)
        try:
            return fitness.lacking(await self._slow.call(self._probe, probe))
        finally:
            self._probes.discard(probe.sandbox_id)

    async def _pull(self, image: ImageName, pulling: _Pulling) -> None:
        pulling.failure = None
        try:
            await pull(self._client, self._socket, image, pulling.say)
        except ImageMissing as exc:
            pulling.failure = exc
            raise
        finally:
            pulling.ended += 1

    def _found(self, image: ImageName) -> dict[str, Any] | None:
        try:
            return dict(self._client.inspect_image(str(image)))  # type: ignore[no-untyped-call]
        except ImageNotFound:
            return None

    def _probe(self, spec: SandboxSpec) -> int:
        """The exit code of a container that looks at the image from inside; that of one that does not start is none of
        the script's. Raises SandboxFailed where it was taken away."""
        expires = int(time.time()) + _PROBE_S
        sandbox = profile.container_config(spec, uid=fitness.PROBE_UID, guest=self._guest, expires=expires)
        created: str = self._client.create_container_from_config(  # type: ignore[no-untyped-call]
            fitness.probe_config(sandbox), name=spec.sandbox_id
        )["Id"]
        try:
            self._client.start(created)
            exit_code = int(self._client.wait(created, timeout=_PROBE_S)["StatusCode"])
            if exit_code == _KILLED:
                raise SandboxFailed(f"the container that looked at image {spec.image} was killed")
            return exit_code
        except NotFound as exc:
            raise SandboxFailed(f"the container that looked at image {spec.image} was removed") from exc
        except APIError as exc:
            # The engine's word for a program that is not in the image, or for another processor.
            if "exec" not in str(exc.explanation):
                raise
            return _NEVER_RAN
        except Timeout as exc:
            # Of a busy host, and not of the image: nothing is kept of it.
            raise SandboxFailed(f"looking at image {spec.image} took more than {_PROBE_S} s") from exc
        finally:
            with suppress(APIError):
                self._containers.remove(created)


def _apart(say: Say) -> Say:
    """Another one each time: a listener is taken out by what it is."""
    return lambda text: say(text)
