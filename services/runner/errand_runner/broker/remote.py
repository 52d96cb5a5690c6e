"""A repository that a sandbox may reach, and the way to its git host."""

from collections.abc import AsyncIterator, Iterable, Mapping, Set
from dataclasses import dataclass, field

import aiohttp

from errand_runner.broker.lent import Credential, Lent
from errand_runner.broker.moved import MOST, Whereabouts, moved_to

REFERENCES = "/info/refs?service="
"""What every exchange begins with: what the host can, and, in protocol version 0, its references."""

# A server may count objects of a large repository for minutes before it says a word.
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=600)
# Its references it has at hand.
_REFERENCES_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=60)


@dataclass(frozen=True)
class Remote:
    """`repository` is its owner and name at `url`; `push_refs` are full names, none where it may only be read. Where it
    was renamed since, the git host says so, and `whereabouts` keeps it."""

    repository: str
    url: str
    lent: Lent
    push_refs: Set[str] = frozenset()
    whereabouts: Whereabouts = field(default_factory=Whereabouts, compare=False)

    @property
    def address(self) -> str:
        """Where it is now."""
        return self.whereabouts.url or self.url


def bases_of(remotes: Iterable[Remote]) -> list[tuple[str, Remote]]:
    """What the paths of each begin with, in lower case: git hosts tell no case apart. The longest comes first, since a
    repository may lie below the name of another; of two of one name, the one that was named first."""
    bases: dict[str, Remote] = {}
    for remote in remotes:
        name = remote.repository.lower().removesuffix(".git")
        for base in (f"/git/{name}.git/", f"/git/{name}/"):
            bases.setdefault(base, remote)
    return sorted(bases.items(), key=lambda item: -len(item[0]))


async def send(
    session: aiohttp.ClientSession,
    method: str,
    remote: Remote,
    service: str,
    *,
    headers: Mapping[str, str],
    credential: Credential,
    body: bytes | AsyncIterator[bytes] | None = None,
) -> aiohttp.ClientResponse:
    """The git host's answer, as it begins; it is followed where it says that the repository was renamed, for what every
    exchange begins with. Raises aiohttp.ClientError and TimeoutError."""
    for _ in range(MOST):
        asked = f"{remote.address}{service}"
        answer = await _sent(session, method, asked, headers=headers, credential=credential, body=body)
        renamed = 300 <= answer.status < 400 and method == "GET"
        target = moved_to(asked, answer.headers.get("Location", ""), service) if renamed else None
        if target is None:
            return answer
        answer.release()
        remote.whereabouts.url = target
    return answer


async def _sent(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    credential: Credential,
    body: bytes | AsyncIterator[bytes] | None,
) -> aiohttp.ClientResponse:
    return await session.request(
        method,
        url,
        headers={**headers, "Authorization": credential.header()},
        data=body,
        allow_redirects=False,
        timeout=_REFERENCES_TIMEOUT if method == "GET" else _TIMEOUT,
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
    )
