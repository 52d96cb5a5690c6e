"""Git hosts beside GitHub, asked by git's own smart HTTP: whether a repository is there, and may be pushed to."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2

from errand_common import handshake
from errand_common.errors import Denied, Invalid, NotFound, Unavailable

_TIMEOUT = httpx2.Timeout(15.0, connect=5.0)
_HEADERS = {"User-Agent": "git/2 (errand)", "Accept": "*/*"}
# The first reference names the default branch; a large repository has a hundred thousand more.
_HEAD_BYTES = 64 * 1024
_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]{1,100}){1,8}")
_SYMREF = re.compile(rb"\bsymref=HEAD:refs/heads/([^\x00-\x20\x7f]{1,255})")


@dataclass(frozen=True)
class Basic:
    """What basic authentication wants."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Place:
    """A repository on one of the hosts. `name` begins with the host: "git.example.org/team/tool"."""

    host: str
    name: str
    url: str


@dataclass(frozen=True)
class Remote:
    """A repository as a person's credential sees it; `default_branch` is empty where it has no commit yet."""

    default_branch: str
    may_push: bool


class GitHosts:
    """Those that the owner of this Errand named, by the beginnings of their addresses: nothing else is asked."""

    def __init__(self, client: httpx2.AsyncClient, bases: Sequence[str]) -> None:
        self._client = client
        self._bases = {urlsplit(base).netloc.lower(): base for base in bases}

    @property
    def names(self) -> list[str]:
        """Their names, with the port where it is not the usual one."""
        return sorted(self._bases)

    def place(self, repo_url: str) -> Place:
        """Where a clone address leads. Raises Invalid."""
        base = next((base for base in self._bases.values() if repo_url.startswith(f"{base}/")), None)
        if base is None:
            known = ", ".join(self._bases.values()) or "none"
            raise Invalid(
                f'"{repo_url[:160]}" is on no git host that this Errand may work with ({known}); its owner can add it '
                "to ERRAND_GIT_HOSTS"
            )
        path = repo_url.removeprefix(base).removesuffix("/").removesuffix(".git")
        if not _PATH.fullmatch(path):
            raise Invalid(f'"{repo_url[:160]}" is no clone address such as {base}/team/tool.git')
        host = urlsplit(base).netloc.lower()
        return Place(host=host, name=f"{host}{path}", url=f"{base}{path}.git")

    async def look(self, url: str, credential: Basic) -> Remote:
        """The repository at a clone address.

        Raises NotFound where there is none for this person, Denied where the credential is not taken, Unavailable.
        """
        status, head = await self._ask(url, "git-upload-pack", credential)
        if status != httpx2.codes.OK:
            raise NotFound(f"{url} is not there, or not for you ({status}); check the address and your rights")
        pushing, _ = await self._ask(url, "git-receive-pack", credential)
        found = _SYMREF.search(head)
        branch = found[1].decode(errors="replace") if found and b"capabilities^{}" not in head else ""
        return Remote(default_branch=branch, may_push=pushing == httpx2.codes.OK)

    async def _ask(self, url: str, service: str, credential: Basic) -> tuple[int, bytes]:
        try:
            async with self._client.stream(
                "GET",
                f"{url}/info/refs",
                params={"service": service},
                auth=httpx2.BasicAuth(credential.username, credential.password),
            ) as response:
                self._check(response, url, service)
                return response.status_code, await _beginning(response)
        except httpx2.HTTPError as exc:
            found = await handshake.look_at_service(exc, url)
            raise Unavailable(f"{_host(url)} does not answer ({found or type(exc).__name__}); try again") from exc

    def _check(self, response: httpx2.Response, url: str, service: str) -> None:
        status = response.status_code
        if status == httpx2.codes.UNAUTHORIZED:
            raise Denied(
                f"{_host(url)} does not take the user name and password that are kept for it; replace them",
                reason="NO_PUSH_RIGHT",
            )
        if status == httpx2.codes.TOO_MANY_REQUESTS or status >= 500:
            raise Unavailable(f"{_host(url)} answered {status}; try again")
        if response.is_redirect:
            raise NotFound(f"{url} leads elsewhere ({response.headers.get('Location', '')[:160]}); use that address")
        expected = f"application/x-{service}-advertisement"
        if status == httpx2.codes.OK and response.headers.get("Content-Type") != expected:
            raise NotFound(f"{url} does not speak git's smart HTTP; check the address")


@asynccontextmanager
async def open_git_hosts(bases: Sequence[str]) -> AsyncIterator[GitHosts]:
    """The hosts at these addresses; their connections are closed at the end."""
    async with httpx2.AsyncClient(headers=_HEADERS, timeout=_TIMEOUT, follow_redirects=False) as client:
        yield GitHosts(client, bases)


async def _beginning(response: httpx2.Response) -> bytes:
    head = b""
    async for chunk in response.aiter_bytes():
        head += chunk
        if len(head) >= _HEAD_BYTES:
            break
    return head[:_HEAD_BYTES]


def _host(url: str) -> str:
    return urlsplit(url).netloc
