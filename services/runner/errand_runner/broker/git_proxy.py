"""Git's smart HTTP for the repositories of one sandbox: what passes, with the credential added, and what is refused."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

import aiohttp
import structlog
from aiohttp import web

from errand_common import handshake
from errand_common.errors import ErrandError, Exhausted, Unavailable
from errand_runner.broker import pktline, receive
from errand_runner.broker.ahead import Ahead
from errand_runner.broker.patience import Patience
from errand_runner.broker.remote import Remote, bases_of, send
from errand_runner.outage import GitHost

_UPLOAD, _RECEIVE = "git-upload-pack", "git-receive-pack"

_REQUEST_HEADERS = ("Content-Type", "Accept", "Accept-Encoding", "Content-Length")
_FETCH_HEADERS = (*_REQUEST_HEADERS, "Content-Encoding", "Git-Protocol")
_RESPONSE_HEADERS = ("Content-Type", "Content-Encoding", "Content-Length", "Cache-Control", "Expires", "Pragma")

# Commands of a push; git's own limit on refs is far below.
_COMMANDS_LIMIT_BYTES = 64 * 1024
_COMMANDS_S = 60.0
# Of a push that is refused so much is read, for so long.
_DRAINED_LIMITS = 5
_DRAIN_S = 120.0
# A request up to this size is kept, so that it can be sent again with a fresh credential.
_REPLAY_LIMIT_BYTES = 1024 * 1024
_CHUNK_BYTES = 256 * 1024

_log = structlog.get_logger()


class _Refused(Exception):
    """An answer to the sandbox that says no; the words are shown by git as `remote: ...`."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class PushTooLarge(Exception):
    """What is sent grew over its limit on the way."""


class LeaseOver(Exception):
    """The attempt may not act any more, in the middle of what passed."""


class GitProxy:
    """Handles every request of one sandbox's git, and keeps `host` true. The first of `remotes` is the task's own; what
    is asked of it may have been asked `ahead`."""

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession,
        remotes: Sequence[Remote],
        ahead: Ahead,
        allow: Callable[[], bool],
        holds: Callable[[], bool],
        only_ref: Callable[[], str],
        push_limit_bytes: int,
        patience: Patience,
        host: GitHost,
    ) -> None:
        self._session = session
        self._host = host
        self._own = remotes[0]
        self._reached = ", ".join(remote.repository for remote in remotes)
        self._bases = bases_of(remotes)
        self._ahead = ahead
        self._allow, self._holds, self._only_ref = allow, holds, only_ref
        self._push_limit_bytes = push_limit_bytes
        self._patience = patience

    async def handle(self, request: web.Request) -> web.StreamResponse:
        remote = self._own
        try:
            if not self._allow():
                self._host.trouble = "the scheduler was not heard of lately, and without it nothing is lent"
                raise _Refused(403, "this task holds no lease at the moment, so nothing is lent to it; try again later")
            remote, service = self._find(request)
            return await self._route(request, remote, service)
        except _Refused as refusal:
            _log.info("git_refused", method=request.method, status=refusal.status, reason=str(refusal))
            return web.Response(status=refusal.status, text=f"{refusal}\n")
        except PushTooLarge:
            return web.Response(status=413, text=f"{self._too_large()}\n")
        except ErrandError as exc:
            _log.warning("git_credential_not_lent", error=exc.message)
            self._host.trouble = exc.message if isinstance(exc, Unavailable | Exhausted) else ""
            return web.Response(status=503, text=f"no credential can be lent now: {exc.message}\n")
        except (aiohttp.ClientError, TimeoutError, LeaseOver) as exc:
            _log.warning("git_upstream_failed", error=repr(exc))
            self._host.trouble = await self._why_away(exc, remote)
            return web.Response(status=502, text=f"{self._host.trouble}\n")

    def _find(self, request: web.Request) -> tuple[Remote, str]:
        """Which repository, and what of it. Compared as sent: no decoding, no dots resolved, nothing to be clever
        with."""
        path = request.raw_path
        for base, remote in self._bases:
            if path[: len(base)].lower() == base:
                return remote, path[len(base) - 1 :]
        raise _Refused(403, f"git reaches only {self._reached} from this sandbox, and not {request.raw_path[:200]}")

    async def _route(self, request: web.Request, remote: Remote, service: str) -> web.StreamResponse:
        if f"={_RECEIVE}" in service or service == f"/{_RECEIVE}":
            self._check_pushable(remote)
        match request.method, service:
            case "GET", "/info/refs?service=git-upload-pack":
                return await self._references(request, remote, service)
            case "GET", "/info/refs?service=git-receive-pack":
                return await self._pass(request, remote, service, headers=_REQUEST_HEADERS)
            case "POST", "/git-upload-pack":
                return await self._pass(request, remote, service, headers=_FETCH_HEADERS)
            case "POST", "/git-receive-pack":
                return await self._push(request, remote, service)
        raise _Refused(403, "only git's smart HTTP passes here: fetch and push, nothing else (no LFS, no plain files)")

    def _check_pushable(self, remote: Remote) -> None:
        if not remote.push_refs:
            raise _Refused(403, f"{remote.repository} may only be read from this sandbox")

    async def _references(self, request: web.Request, remote: Remote, service: str) -> web.StreamResponse:
        if remote is self._own and (body := await self._ahead.take(protocol=request.headers.get("Git-Protocol", ""))):
            self._host.trouble = ""
            return web.Response(
                body=body,
                content_type=f"application/x-{_UPLOAD}-advertisement",
                headers={"Cache-Control": "no-cache"},
            )
        return await self._pass(request, remote, service, headers=_FETCH_HEADERS)

    async def _push(self, request: web.Request, remote: Remote, service: str) -> web.StreamResponse:
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise _Refused(415, "an encoded push cannot be checked, so it is refused")
        push, head = await self._commands(request, remote)
        if push.refusal is None and (request.content_length or 0) <= self._push_limit_bytes:
            try:
                return await self._pass(request, remote, service, headers=_REQUEST_HEADERS, head=head)
            except PushTooLarge:
                _log.info("git_push_too_large")
        return await self._refuse(request, push if push.refusal else replace(push, refusal=self._too_large()))

    async def _commands(self, request: web.Request, remote: Remote) -> tuple[receive.Push, bytes]:
        """What is to be pushed, and the bytes that said so. Raises _Refused where they cannot be read."""
        try:
            async with asyncio.timeout(_COMMANDS_S):
                lines, head = await pktline.read_section(request.content.readexactly, limit_bytes=_COMMANDS_LIMIT_BYTES)
            only = self._only_ref()
            allowed = remote.push_refs & {only} if only else remote.push_refs
            return receive.judge(lines, allowed=allowed), head
        except (pktline.Malformed, asyncio.IncompleteReadError) as exc:
            raise _Refused(400, f"this is no push that can be checked: {exc}") from exc

    async def _refuse(self, request: web.Request, push: receive.Push) -> web.StreamResponse:
        """By the report that git prints. It reads none before it has sent its whole pack, so that is read, up to a
        point."""
        _log.info("git_push_refused", reason=push.refusal, refs=len(push.refs))
        left = _DRAINED_LIMITS * self._push_limit_bytes
        try:
            async with asyncio.timeout(_DRAIN_S):
                async for chunk in request.content.iter_chunked(_CHUNK_BYTES):
                    left -= len(chunk)
                    if left < 0:
                        raise _Refused(413, self._too_large())
        except TimeoutError as exc:
            raise _Refused(408, f"a push that is refused was not sent within {_DRAIN_S:g} s: {push.refusal}") from exc
        return web.Response(
            body=receive.report_refusal(push),
            content_type="application/x-git-receive-pack-result",
            headers={"Cache-Control": "no-cache"},
        )

    async def _pass(
        self, request: web.Request, remote: Remote, service: str, *, headers: tuple[str, ...], head: bytes = b""
    ) -> web.StreamResponse:
        kept = {name: request.headers[name] for name in headers if name in request.headers}
        if request.method == "GET":
            # A length without its body would make the git host take the next request for that body.
            kept.pop("Content-Length", None)
        whole = await self._whole_body(request, head)
        credential = await remote.lent.get()
        for _ in range(2):
            body = None if request.method == "GET" else whole if whole is not None else self._body(request, head)
            try:
                answer = await send(
                    self._session,
                    request.method,
                    remote,
                    service,
                    headers=kept,
                    credential=credential,
                    body=body,
                )
            except aiohttp.ClientError as exc:
                if isinstance(exc.__cause__, PushTooLarge | _Refused):
                    # It ended what was sent; nothing is wrong with the git host.
                    raise exc.__cause__ from exc
                raise
            async with answer:
                self._host.trouble = _passing(answer)
                if answer.status != 401:
                    return await self._answer(request, answer)
            credential = await remote.lent.instead_of(credential)
            if whole is None:
                # What was streamed is gone; git has to send it again.
                raise _Refused(403, "the credential lent to this task had expired; it was renewed, so try once more")
        # Passed on, a 401 would make git ask for a password that nobody inside has.
        raise _Refused(403, "the git server refuses the credential lent to this task, also a renewed one")

    async def _answer(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        if 300 <= answer.status < 400:
            raise _Refused(
                502,
                f"the git server points to {answer.headers.get('Location', 'nowhere')[:160]}, where nothing is lent; "
                "where the repository is there now, add it under that address",
            )
        kept = {name: answer.headers[name] for name in _RESPONSE_HEADERS if name in answer.headers}
        response = web.StreamResponse(status=answer.status, headers=kept)
        await response.prepare(request)
        try:
            async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
                self._check_lease()
                await response.write(chunk)
        except (aiohttp.ClientError, LeaseOver) as exc:
            # Too late for another answer: git must see that this one was cut off.
            _log.warning("git_answer_cut_off", error=repr(exc))
            self._host.trouble = f"the git host's answer was cut off ({type(exc).__name__})"
            if request.transport:
                request.transport.abort()
        return response

    async def _why_away(self, error: aiohttp.ClientError | TimeoutError | LeaseOver, remote: Remote) -> str:
        found = await handshake.look_at_service(error, remote.url)
        return f"the git host cannot be reached: {found or error or type(error).__name__}"

    async def _whole_body(self, request: web.Request, head: bytes) -> bytes | None:
        """The whole body where its length is told and small; None where it must be streamed."""
        if request.method == "GET":
            return b""
        if request.content_length is None or request.content_length > _REPLAY_LIMIT_BYTES:
            return None
        return b"".join([chunk async for chunk in self._body(request, head)])

    async def _body(self, request: web.Request, head: bytes) -> AsyncIterator[bytes]:
        size = len(head)
        if head:
            yield head
        while chunk := await self._piece(request):
            size += len(chunk)
            if size > self._push_limit_bytes:
                raise PushTooLarge
            self._check_lease()
            yield chunk

    async def _piece(self, request: web.Request) -> bytes:
        """The next of its body; empty at its end."""
        try:
            async with asyncio.timeout(self._patience.body_s):
                return await request.content.read(_CHUNK_BYTES)
        except TimeoutError as exc:
            raise _Refused(408, f"for {self._patience.body_s:g} s nothing more of this request came") from exc

    def _check_lease(self) -> None:
        if not self._holds():
            raise LeaseOver("the scheduler was not heard of for long")

    def _too_large(self) -> str:
        return f"a push from this sandbox may hold {self._push_limit_bytes >> 20} MiB; this one is larger"


def _passing(answer: aiohttp.ClientResponse) -> str:
    """What is wrong with the git host for now, in words; empty where it answered for good."""
    if answer.status >= 500 or answer.status == 429:
        return f"the git host answered {answer.status} {answer.reason}"
    if 300 <= answer.status < 400 and answer.method == "POST":
        # Between a question and what it began; the next one begins with where it is now.
        return "the repository was renamed at the git host just now"
    return ""
