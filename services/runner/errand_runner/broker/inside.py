"""Where a sandbox finds its repositories, and what its git is told so that their usual addresses lead there."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from errand_runner import doorway
from errand_runner.broker.remote import Remote

# Where the supervisor inside the sandbox listens and carries to the socket.
_DOOR = f"http://127.0.0.1:{doorway.PORT}/git"


def address_of(remote: Remote) -> str:
    """As git inside sees it."""
    return f"{_DOOR}/{_bare(remote.repository)}.git"


def git_config(remotes: Iterable[Remote]) -> str:
    """A file of git's settings. An address counts with and without .git, over HTTPS and as for SSH."""
    return "".join(f'[url "{_DOOR}/{_bare(remote.repository)}"]\n{_usual(remote)}' for remote in remotes)


def _usual(remote: Remote) -> str:
    usual = urlsplit(_bare(remote.url))
    host, path = usual.hostname, usual.path.lstrip("/")
    addresses = (_bare(remote.url), f"git@{host}:{path}", f"ssh://git@{host}/{path}")
    return "".join(f"\tinsteadOf = {address}\n" for address in addresses)


def _bare(name: str) -> str:
    return name.removesuffix(".git")
