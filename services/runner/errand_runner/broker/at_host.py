"""Where a branch is at the git host, asked by the runner itself: a sandbox's git could say anything."""

import asyncio
import re
from collections.abc import Callable

import aiohttp

from errand_common.errors import ErrandError, Exhausted, Unavailable
from errand_runner.broker import pktline
from errand_runner.broker.remote import REFERENCES, Remote, send
from errand_runner.outage import HostAway

# Version 0 of the protocol, which every host speaks: all references in one answer, the branches first.
_PATH = f"{REFERENCES}git-upload-pack"
_HEADERS = {"Accept": "*/*"}
_MOST_LINES = 1_000_000
_LINE = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64}) ([^\x00\n]+)")


class NotTold(Exception):
    """The git host answered, and not with its references; the message says how."""


class AtHost:
    """One repository, as its git host has it. `allow` is asked each time; while it says no, nothing is lent."""

    def __init__(self, session: aiohttp.ClientSession, remote: Remote, allow: Callable[[], bool]) -> None:
        self._session, self._remote, self._allow = session, remote, allow

    async def commit_of(self, ref: str) -> str:
        """The commit that a reference, by its full name, is at; empty where there is none. Raises HostAway, NotTold."""
        if not self._allow():
            raise HostAway("the scheduler was not heard of lately, and without it nothing is lent")
        try:
            credential = await self._remote.lent.get()
            for _ in range(2):
                async with await send(
                    self._session, "GET", self._remote, _PATH, headers=_HEADERS, credential=credential
                ) as answer:
                    if answer.status != 401:
                        return await _found(answer, ref.encode())
                credential = await self._remote.lent.instead_of(credential)
            raise NotTold("the git host refuses the credential lent to this task")
        except (Unavailable, Exhausted) as exc:
            raise HostAway(exc.message) from exc
        except ErrandError as exc:
            raise NotTold(exc.message) from exc
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise HostAway(f"the git host cannot be reached: {exc or type(exc).__name__}") from exc


async def _found(answer: aiohttp.ClientResponse, ref: bytes) -> str:
    if answer.status >= 500 or answer.status == 429:
        raise HostAway(f"the git host answered {answer.status} {answer.reason}")
    if answer.status != 200:
        raise NotTold(f"the git host answered {answer.status} {answer.reason}")
    try:
        return await _among_lines(answer.content, ref)
    except (pktline.Malformed, asyncio.IncompleteReadError) as exc:
        raise NotTold(f"the git host did not list its references: {exc}") from exc


async def _among_lines(content: aiohttp.StreamReader, ref: bytes) -> str:
    ends = 0
    for _ in range(_MOST_LINES):
        line = await pktline.read_line(content.readexactly)
        if line is None:
            # The first end is that of the service's name.
            ends += 1
            if ends == 2:
                return ""
        elif (found := _LINE.match(line)) and found[2] == ref:
            return found[1].decode()
    raise pktline.Malformed(f"more than {_MOST_LINES} lines")
