"""A registry of images on loopback: Docker's HTTP API v2, as far as an engine needs it to pull.

https://distribution.github.io/distribution/spec/api/
"""

import asyncio
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@dataclass
class Registry:
    """What it holds, what it was asked for, and how it misbehaves."""

    address: str = ""
    manifests: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    cuts: int = 0
    """So many times yet a blob ends in its middle."""
    denied: bool = False
    busy: bool = False
    """It has more to do than it can."""
    going: asyncio.Event = field(default_factory=asyncio.Event)
    """Blobs wait for it."""
    blob_asked: asyncio.Event = field(default_factory=asyncio.Event)

    def name(self, image: str) -> str:
        """The image as an engine on this host is to be asked for it."""
        return f"{self.address}/{image}"

    def add(self, image: str, files: Mapping[str, bytes], config: Mapping[str, object] | None = None) -> None:
        """An image `name:tag` of one layer. `config` is as in the image specification."""
        layer = _tar(files)
        about = {
            "architecture": "amd64",
            "os": "linux",
            "config": dict(config or {}),
            "rootfs": {"type": "layers", "diff_ids": [_digest(gzip.decompress(layer))]},
            "history": [{"created_by": "a test"}],
        }
        kept = json.dumps(about).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {"mediaType": _CONFIG, "size": len(kept), "digest": self._keep(kept)},
            "layers": [{"mediaType": _LAYER, "size": len(layer), "digest": self._keep(layer)}],
        }
        self.manifests[image] = json.dumps(manifest).encode()

    def digest(self, image: str) -> str:
        """By which an image can be asked for too."""
        return _digest(self.manifests[image])

    def _keep(self, content: bytes) -> str:
        digest = _digest(content)
        self.blobs[digest] = content
        return digest

    async def ping(self, request: web.Request) -> web.Response:
        return web.json_response({})

    async def manifest(self, request: web.Request) -> web.Response:
        name, reference = request.match_info["name"], request.match_info["reference"]
        self.asked.append(f"{name}:{reference}")
        if self.busy:
            return _error(429, "TOOMANYREQUESTS", "you have reached your pull rate limit")
        if self.denied:
            return _error(401, "UNAUTHORIZED", "authentication required")
        found = self.manifests.get(f"{name}:{reference}") or next(
            (each for each in self.manifests.values() if _digest(each) == reference), None
        )
        if found is None:
            return _error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        headers = {"Docker-Content-Digest": _digest(found), "Content-Type": _MANIFEST}
        return web.Response(body=found, headers=headers)

    async def blob(self, request: web.Request) -> web.StreamResponse:
        digest = request.match_info["digest"]
        self.asked.append(digest)
        self.blob_asked.set()
        await self.going.wait()
        content = self.blobs[digest]
        answer = web.StreamResponse(headers={"Content-Length": str(len(content)), "Docker-Content-Digest": digest})
        await answer.prepare(request)
        if self.cuts > 0:
            self.cuts -= 1
            await answer.write(content[: len(content) // 2])
            assert request.transport is not None
            request.transport.close()
            return answer
        await answer.write(content)
        await answer.write_eof()
        return answer


@asynccontextmanager
async def registry() -> AsyncIterator[Registry]:
    """It listens on a free port of 127.0.0.1, which an engine takes without TLS."""
    standing = Registry()
    standing.going.set()
    app = web.Application()
    app.router.add_get("/v2/", standing.ping)
    app.router.add_get("/v2/{name:.+}/manifests/{reference}", standing.manifest)
    app.router.add_get("/v2/{name:.+}/blobs/{digest}", standing.blob)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    standing.address = f"{host}:{port}"
    try:
        yield standing
    finally:
        standing.going.set()
        await runner.cleanup()


def _tar(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, content in files.items():
            about = tarfile.TarInfo(path)
            about.size, about.mode = len(content), 0o755
            tar.addfile(about, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"errors": [{"code": code, "message": message}]}, status=status)
