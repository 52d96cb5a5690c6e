"""A package registry, a git host and a page, all at one name of the small internet."""

import base64
import hashlib
import io
import json
import subprocess
import tarfile
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from tests.certificates import identity
from tests.integration.internet import Mirror

NAME = "registry.example"
SAYS = "it-works"


@asynccontextmanager
async def serving_packages(folder: Path) -> AsyncIterator[Mirror]:
    """pip finds `errand-probe` under /simple, npm at the root, git a repository at /other.git, curl words at /hello."""
    shown = identity(NAME)
    wheel, tarball = _wheel(), _tarball()
    _repository(folder)
    app = web.Application()
    page = f'<a href="/files/{_WHEEL}#sha256={hashlib.sha256(wheel).hexdigest()}">{_WHEEL}</a>'
    app.router.add_get("/simple/errand-probe/", _answering(page.encode(), "text/html"))
    app.router.add_get(f"/files/{_WHEEL}", _answering(wheel, "application/octet-stream"))
    app.router.add_get("/errand-probe", _answering(_packument(tarball), "application/json"))
    app.router.add_get("/files/errand-probe.tgz", _answering(tarball, "application/octet-stream"))
    app.router.add_get("/hello", _answering(f"{SAYS}\n".encode(), "text/plain"))
    app.router.add_static("/other.git", folder / "other.git")
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=shown.context(folder)).start()
    try:
        yield Mirror(shown, runner.addresses[0][1])
    finally:
        await runner.cleanup()


_WHEEL = "errand_probe-1.0-py3-none-any.whl"


def _answering(body: bytes, content_type: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=content_type)

    return answer


def _wheel() -> bytes:
    info = "errand_probe-1.0.dist-info"
    files = {
        "errand_probe.py": f"SAYS = {SAYS!r}\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: errand-probe\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(name, text)
    return packed.getvalue()


def _tarball() -> bytes:
    files = {
        "package/package.json": json.dumps({"name": "errand-probe", "version": "1.0.0", "main": "index.js"}),
        "package/index.js": f"module.exports = {SAYS!r};\n",
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def _packument(tarball: bytes) -> bytes:
    dist = {
        "tarball": f"https://{NAME}/files/errand-probe.tgz",
        "integrity": f"sha512-{base64.b64encode(hashlib.sha512(tarball).digest()).decode()}",
    }
    version = {"name": "errand-probe", "version": "1.0.0", "dist": dist}
    return json.dumps(
        {"name": "errand-probe", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
    ).encode()


def _repository(folder: Path) -> None:
    """As plain files, for git's oldest way to fetch."""
    script = f"""
        set -e
        git init --quiet --initial-branch main work
        git -C work -c user.name=a -c user.email=a@example.com commit --quiet --allow-empty --message {SAYS}
        git clone --quiet --bare work other.git
        git -C other.git update-server-info
    """
    subprocess.run(["bash", "-c", script], cwd=folder, check=True, capture_output=True)
