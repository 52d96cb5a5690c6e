"""The command line of the stand-in as its own process."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from tests.standins.github.content import Content
from tests.standins.github.rights import RightName
from tests.standins.github.server import LOOPBACK


@dataclass(frozen=True)
class RepositoryOption:
    """`owner/name=CONTENT:right`: every person of the command line gets the right."""

    full_name: str
    content: Content
    right: RightName


@dataclass(frozen=True)
class Options:
    root: Path
    host: str
    port: int
    users: tuple[str, ...]
    token_for: str
    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...]
    repositories: tuple[RepositoryOption, ...]


def read_options(arguments: Sequence[str]) -> Options:
    """Ends the process with a usage message when they make no sense."""
    parser = argparse.ArgumentParser(prog="python -m tests.standins.github", description="A GitHub of your own.")
    parser.add_argument("--root", type=Path, required=True, help="folder for the bare repositories")
    parser.add_argument("--host", default=LOOPBACK, help="the address to serve on")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--user", action="append", default=[], help="a person; may be given again")
    parser.add_argument("--token-for", default="", metavar="USER", help="print a personal token of theirs as well")
    parser.add_argument("--client-id", default="", help="the OAuth app")
    parser.add_argument("--client-secret-file", type=Path, help="holds the app's secret, which no process list shows")
    parser.add_argument("--redirect-uri", action="append", default=[], help="may be given again")
    parser.add_argument(
        "--repo",
        action="append",
        default=[],
        type=_repository,
        metavar="OWNER/NAME=FOLDER_OR_GIT_URL:RIGHT",
        help="a repository and what every person may do with it: read, push or admin",
    )
    found = parser.parse_args(arguments)
    if found.client_id and not (found.client_secret_file and found.redirect_uri):
        parser.error("--client-id needs --client-secret-file and --redirect-uri")
    return Options(
        root=found.root,
        host=found.host,
        port=found.port,
        users=tuple(found.user),
        token_for=found.token_for,
        client_id=found.client_id,
        client_secret=found.client_secret_file.read_text().strip() if found.client_secret_file else "",
        redirect_uris=tuple(found.redirect_uri),
        repositories=tuple(found.repo),
    )


def _repository(text: str) -> RepositoryOption:
    full_name, _, rest = text.partition("=")
    source, _, right = rest.rpartition(":")
    if not source or right not in get_args(RightName):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form owner/name=FOLDER_OR_GIT_URL:push")
    content = Path(source) if Path(source).is_dir() else source
    return RepositoryOption(full_name=full_name, content=content, right=cast(RightName, right))
