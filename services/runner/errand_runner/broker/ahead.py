"""A fetch's first answer, asked for before git asks: while a container is made, the git host is reached already."""

import asyncio
from contextlib import suppress

import aiohttp

from errand_common.errors import ErrandError
from errand_runner.broker.remote import REFERENCES, Remote, send

_PATH = f"{REFERENCES}git-upload-pack"
_HEADERS = {"Accept": "*/*", "Git-Protocol": "version=2"}
# Some hosts name the service first. An answer that begins so holds no reference, and so cannot be out of date.
_VERSION_2 = (b"000eversion 2\n", b"001e# service=git-upload-pack\n0000000eversion 2\n")
_LIMIT_BYTES = 16 * 1024


class Ahead:
    """Asks once, in `run`; `take` gives the answer once."""

    def __init__(self, session: aiohttp.ClientSession, remote: Remote) -> None:
        self._session, self._remote = session, remote
        self._answer: asyncio.Future[bytes | None] | None = None

    async def run(self) -> None:
        """Ask. What goes wrong is told to git once it asks by itself."""
        answer = self._answer = asyncio.get_running_loop().create_future()
        found = None
        try:
            with suppress(ErrandError, aiohttp.ClientError, TimeoutError):
                found = await self._ask()
        finally:
            answer.set_result(found)

    async def take(self, *, protocol: str) -> bytes | None:
        """The body of the answer, for a git that speaks this protocol; None where it has to be asked for."""
        answer, self._answer = self._answer, None
        if answer is None or "version=2" not in protocol.split(":"):
            return None
        return await answer

    async def _ask(self) -> bytes | None:
        credential = await self._remote.lent.get()
        asked = send(self._session, "GET", self._remote, _PATH, headers=_HEADERS, credential=credential)
        async with await asked as answer:
            body = bytearray()
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > _LIMIT_BYTES:
                    return None
        fit = answer.status == 200 and body.startswith(_VERSION_2) and "Content-Encoding" not in answer.headers
        return bytes(body) if fit else None
