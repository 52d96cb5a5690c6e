"""One exchange with git's server programs: request in, answer out, both as streams."""

import asyncio
from enum import StrEnum

import structlog
from aiohttp import web
from aiohttp.streams import StreamReader as RequestReader

from tests.standins.github.git import isolated_environment, reap
from tests.standins.github.repositories import Repository
from tests.standins.github.workflows import HOOKS

log = structlog.get_logger()

_CHUNK_BYTES = 64 * 1024
# The largest push or clone that a test or a demonstration makes, with room to spare.
_EXCHANGE_TIMEOUT_S = 600
_FLUSH = b"0000"
_SETTINGS = (
    # GitHub serves partial clones and single commits.
    "uploadpack.allowFilter=true",
    "uploadpack.allowAnySHA1InWant=true",
    # Housekeeping would outlive the request as a process of its own.
    "receive.autogc=false",
    "gc.auto=0",
    "maintenance.auto=false",
)


class Service(StrEnum):
    UPLOAD_PACK = "git-upload-pack"
    RECEIVE_PACK = "git-receive-pack"


async def advertise(request: web.Request, repository: Repository, service: Service) -> web.StreamResponse:
    """Answers with the references and what the server can do."""
    version_2 = "version=2" in request.headers.get("Git-Protocol", "") and service is Service.UPLOAD_PACK
    banner = f"# service={service}\n".encode()
    start = b"" if version_2 else f"{len(banner) + 4:04x}".encode() + banner + _FLUSH
    response = _response(service, "advertisement")
    async with asyncio.timeout(_EXCHANGE_TIMEOUT_S):
        process = await _started(request, repository, service, "--http-backend-info-refs")
        await _converse(request, response, process, start=start)
    return response


async def serve(
    request: web.Request, repository: Repository, service: Service, *, workflows_refused: str
) -> web.StreamResponse:
    """Answers one fetch or push. What the caller leaves unfinished changes nothing. A push that brings a workflow is
    refused with these words, if there are any; see `workflows.refusal`."""
    response = _response(service, "result")
    async with asyncio.timeout(_EXCHANGE_TIMEOUT_S):
        process = await _started(request, repository, service, workflows_refused=workflows_refused)
        await _converse(request, response, process, start=b"")
    return response


def _response(service: Service, part: str) -> web.StreamResponse:
    return web.StreamResponse(
        headers={"Content-Type": f"application/x-{service}-{part}", "Cache-Control": "no-cache, max-age=0"}
    )


async def _started(
    request: web.Request, repository: Repository, service: Service, *options: str, workflows_refused: str = ""
) -> asyncio.subprocess.Process:
    hooks = (f"core.hooksPath={HOOKS}",) if workflows_refused else ()
    environment = {
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        "WORKFLOWS_REFUSED": workflows_refused,
    }
    return await asyncio.create_subprocess_exec(
        "git",
        *(part for setting in (*_SETTINGS, *hooks) for part in ("-c", setting)),
        service.removeprefix("git-"),
        "--stateless-rpc",
        *options,
        str(repository.directory),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=isolated_environment() | environment,
    )


async def _converse(
    request: web.Request, response: web.StreamResponse, process: asyncio.subprocess.Process, *, start: bytes
) -> None:
    """Feeds and drains the process at the same time: git answers before it has read everything."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        await response.prepare(request)
        if start:
            await response.write(start)
        async with asyncio.TaskGroup() as group:
            group.create_task(_feed(request.content, process.stdin))
            group.create_task(_drain(process.stdout, response))
            said = group.create_task(process.stderr.read())
        status = await process.wait()
    finally:
        await reap(process)
    if status:
        # git tells its client why in the stream; this is for whoever runs the stand-in.
        log.warning("git_service_failed", status=status, stderr=said.result().decode(errors="replace"))


async def _feed(content: RequestReader, stdin: asyncio.StreamWriter) -> None:
    try:
        async for chunk in content.iter_chunked(_CHUNK_BYTES):
            stdin.write(chunk)
            await stdin.drain()
        stdin.close()
        await stdin.wait_closed()
    except (BrokenPipeError, ConnectionResetError):
        log.debug("git_service_read_no_further")


async def _drain(stdout: asyncio.StreamReader, response: web.StreamResponse) -> None:
    while chunk := await stdout.read(_CHUNK_BYTES):
        await response.write(chunk)
