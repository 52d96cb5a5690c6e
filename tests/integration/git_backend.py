"""A git server over HTTP: git's own http-backend behind a password, with its requests written down."""

import asyncio
import base64
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

OWNER_AND_NAME = "octo/demo"


@dataclass
class GitBackend:
    """Serves the bare repositories below `root` to whoever gives one of the `passwords`."""

    root: Path
    passwords: set[str]
    url: str = ""
    requests: list[web.Request] = field(default_factory=list)
    redirect_to: str | None = None
    username: str = "x-access-token"
    renamed: dict[str, str] = field(default_factory=dict)

    def rename(self, before: str, now: str) -> None:
        """A repository, "owner/name": what is asked under its old name is told the new one."""
        target = self.root / f"{now}.git"
        target.parent.mkdir(parents=True, exist_ok=True)
        (self.root / f"{before}.git").rename(target)
        self.renamed[f"/{before}.git/"] = f"/{now}.git/"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if self.redirect_to:
            return web.Response(status=301, headers={"Location": self.redirect_to})
        for before, now in self.renamed.items():
            if request.path_qs.startswith(before):
                return web.Response(status=301, headers={"Location": request.path_qs.replace(before, now, 1)})
        login = [f"Basic {base64.b64encode(f'{self.username}:{one}'.encode()).decode()}" for one in self.passwords]
        if request.headers.get("Authorization") not in login:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="git"'})
        return await self._run(request, await request.read())

    async def _run(self, request: web.Request, body: bytes) -> web.Response:
        environ = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "REMOTE_USER": "someone",
            "REQUEST_METHOD": request.method,
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query_string,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        }
        process = await asyncio.create_subprocess_exec(
            "git", "http-backend", env=environ, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate(body)
        head, _, content = out.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        return web.Response(status=int(headers.pop("Status", "200")[:3]), headers=headers, body=content)


@asynccontextmanager
async def serve(root: Path, *, password: str) -> AsyncGenerator[GitBackend]:
    """A server with one repository, octo/demo, whose main holds two commits."""
    await make_repository(root / f"{OWNER_AND_NAME}.git")
    backend = GitBackend(root, {password})
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{anything:.*}", backend.handle)
    runner = web.AppRunner(app, auto_decompress=False, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        backend.url = f"http://{host}:{port}/{OWNER_AND_NAME}.git"
        yield backend
    finally:
        await runner.cleanup()


async def make_repository(bare: Path) -> None:
    script = f"""
        set -e
        git init -q --bare -b main {bare} && git -C {bare} config http.receivepack true
        cd $(mktemp -d) && git init -q -b main . && seq 20000 > numbers && git add . && git commit -qm one
        echo two > two && git add . && git commit -qm two && git push -q {bare} main && rm -rf "$PWD"
    """
    await git_sh(script)


async def git_sh(script: str) -> str:
    """Runs a script as a person with git would; its output."""
    person = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", script, env=os.environ | person, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()
