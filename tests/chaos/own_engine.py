"""A Docker engine of a scenario's own, on a host of its own: namespaces of processes, mounts and network. It can be
killed there, or all that runs there at once, as when the power fails."""

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

NEEDS = ("root", "dockerd", "unshare", "nsenter")
"""Of a machine (fault.lacking)."""

_CGROUPS = Path("/sys/fs/cgroup")
_UP_S = 60.0
# The first process there. What is under /run goes with it, as all does that is not on disk. It ends with its stdin, and
# so with whoever started it; and it waits for whatever else ends there, as an init does.
_INIT = "mount -t tmpfs tmpfs /run && echo up && cat; :"


class OwnEngine:
    """`start` it; the images and volumes that it has are in a folder, and outlast all else."""

    def __init__(self, folder: Path) -> None:
        self.docker_host = f"unix://{folder / 'docker.sock'}"
        self._folder, self._cgroup = folder, folder.name
        self._host: asyncio.subprocess.Process | None = None
        self._engine: asyncio.subprocess.Process | None = None

    async def start(self, *, live_restore: bool = False) -> None:
        """Returns once it answers; its host is started too, unless it runs."""
        if self._host is None:
            self._host = await self._begin_host()
        (self._folder / "docker.sock").unlink(missing_ok=True)
        settings = self._folder / "daemon.json"
        settings.write_text(json.dumps(self._settings() | {"live-restore": live_restore}))
        with (self._folder / "dockerd.log").open("ab") as log:
            self._engine = await asyncio.create_subprocess_exec(
                *("nsenter", "--target", str(_child_of(self._host.pid)), "--mount", "--pid", "--net"),
                *("dockerd", "--config-file", str(settings)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        async with asyncio.timeout(_UP_S):
            while await _status("docker", "--host", self.docker_host, "version"):
                assert self._engine.returncode is None, (self._folder / "dockerd.log").read_text()[-2000:]
                await asyncio.sleep(0.1)

    async def kill(self) -> None:
        """SIGKILL of the engine alone; the containers that it has are without it then."""
        assert self._engine is not None
        os.kill(_child_of(self._engine.pid), 9)
        await self._engine.wait()
        self._engine = None

    async def lose_host(self) -> None:
        """Every process there is gone at once, with the mounts, the network and /run."""
        if self._host is not None:
            self._host.kill()
            await self._host.wait()
        if self._engine is not None:
            await self._engine.wait()
        self._host = self._engine = None
        await self._remove_cgroups()

    async def load(self, image: str) -> None:
        """An image of the machine's own engine."""
        pipe = 'docker save "$1" | docker --host "$2" load'
        said = await _status("sh", "-c", pipe, "sh", image, self.docker_host)
        assert said == 0, f"{image} cannot be brought into {self.docker_host}"

    async def _begin_host(self) -> asyncio.subprocess.Process:
        host = await asyncio.create_subprocess_exec(
            *("unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc", "sh", "-c", _INIT),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert host.stdout is not None
        assert await host.stdout.readline() == b"up\n"
        return host

    def _settings(self) -> dict[str, object]:
        return {
            "data-root": str(self._folder / "data"),
            "exec-root": "/run/docker",
            "pidfile": "/run/docker.pid",
            "hosts": [self.docker_host],
            "bridge": "none",
            "iptables": False,
            "cgroup-parent": f"/{self._cgroup}",
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
        }

    async def _remove_cgroups(self) -> None:
        """Those of containers whose processes are gone: nobody else does."""
        async with asyncio.timeout(_UP_S):
            while left := [*_CGROUPS.glob(self._cgroup), *_CGROUPS.glob(f"*/{self._cgroup}")]:
                for top in left:
                    for folder, _, _ in os.walk(top, topdown=False):
                        # One whose last process is just ending is busy.
                        await _status("rmdir", folder)
                await asyncio.sleep(0.05)


@asynccontextmanager
async def own_engine(*images: str) -> AsyncIterator[OwnEngine]:
    """One that has these images. While the context lasts it is what DOCKER_HOST says, for whoever asks or is started.
    Nothing is left of it."""
    with tempfile.TemporaryDirectory(prefix="errand-engine-") as folder:
        engine = OwnEngine(Path(folder))
        try:
            await engine.start()
            for image in images:
                await engine.load(image)
            with _docker_host(engine.docker_host):
                yield engine
        finally:
            await engine.lose_host()


@contextmanager
def _docker_host(value: str) -> Iterator[None]:
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = value
    try:
        yield
    finally:
        del os.environ["DOCKER_HOST"]
        if before is not None:
            os.environ["DOCKER_HOST"] = before


def _child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


async def _status(*command: str) -> int:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    return await process.wait()
