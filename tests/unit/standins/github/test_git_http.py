"""git over HTTP, with the real git on both ends."""

import asyncio
import base64
import gzip
import random
from pathlib import Path

import httpx2
import pytest

from tests.patience import ANSWER_S
from tests.standins.github import GitHubStandin
from tests.standins.github.git import GitError, git
from tests.unit.standins.github.conftest import Checkout, address, cloned

FLUSH = b"0000"


def as_git(token: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(auth=("x-access-token", token), trust_env=False, timeout=ANSWER_S)


async def test_a_reader_clones_but_cannot_push(github: GitHubStandin, tmp_path: Path) -> None:
    github.grant("reader", "octo/demo", "read")
    checkout = await cloned(github, github.issue_token("reader"), tmp_path / "reader")
    assert (checkout.folder / "src/one.txt").read_bytes() == b"one\n"
    await checkout.commit("two.txt", b"two\n", branch="topic")

    with pytest.raises(GitError, match=r"Permission to octo/demo\.git denied to reader(.|\n)*403"):
        await checkout.run("push", "origin", "topic")


@pytest.mark.parametrize("right", ["push", "admin"])
async def test_a_push_arrives(github: GitHubStandin, tmp_path: Path, right: str) -> None:
    github.grant("writer", "octo/demo", "push" if right == "push" else "admin")
    token = github.issue_token("writer")
    checkout = await cloned(github, token, tmp_path / "writer")
    commit = await checkout.commit("two.txt", b"two\n", branch="topic/one")

    await checkout.run("push", "--quiet", "origin", "topic/one")

    again = await cloned(github, token, tmp_path / "again")
    assert await again.run("rev-parse", "origin/topic/one") == commit


async def test_without_a_token_git_is_asked_for_one(github: GitHubStandin, tmp_path: Path) -> None:
    async with httpx2.AsyncClient(trust_env=False, timeout=ANSWER_S) as client:
        answer = await client.get(f"{github.clone_url('octo/demo')}/info/refs?service=git-upload-pack")

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="GitHub"')
    with pytest.raises(GitError, match="could not read Username"):
        await git("clone", github.clone_url("octo/demo"), str(tmp_path / "clone"))


async def test_a_repository_that_may_not_be_read_looks_absent(github: GitHubStandin, tmp_path: Path) -> None:
    github.add_user("stranger")
    token = github.issue_token("stranger")

    for full_name in ("octo/demo", "octo/absent"):
        with pytest.raises(GitError, match="Repository not found"):
            await git("clone", address(github, token, full_name), str(tmp_path / "clone"))


async def test_a_token_without_the_repo_scope_does_not_reach_a_private_repository(
    github: GitHubStandin, tmp_path: Path
) -> None:
    with pytest.raises(GitError, match="Repository not found"):
        await cloned(github, github.issue_token("octo", scopes=["read:user"]), tmp_path / "clone")


async def test_a_revoked_token_opens_nothing(github: GitHubStandin, token: str, checkout: Checkout) -> None:
    github.revoke_token(token)

    with pytest.raises(GitError, match="Authentication failed"):
        await checkout.run("fetch")


async def test_a_public_repository_can_be_cloned_by_anyone_and_pushed_by_few(
    github: GitHubStandin, tmp_path: Path
) -> None:
    await github.add_repository("octo/open", {"a": b"a"}, private=False)
    await git("clone", "--quiet", github.clone_url("octo/open"), str(tmp_path / "clone"))

    references = f"{github.clone_url('octo/open')}/info/refs?service="
    async with httpx2.AsyncClient(trust_env=False, timeout=ANSWER_S) as nobody, as_git("gho_wrong") as impostor:
        pushing = await nobody.get(references + "git-receive-pack")
        lying = await impostor.get(references + "git-upload-pack")
    assert (pushing.status_code, lying.status_code) == (401, 401)


async def test_the_address_works_without_the_suffix_and_in_any_case(
    github: GitHubStandin, token: str, tmp_path: Path
) -> None:
    plain = address(github, token).removesuffix(".git").replace("octo/demo", "Octo/DEMO")

    await git("clone", "--quiet", plain, str(tmp_path / "clone"))
    assert (tmp_path / "clone/README.md").is_file()


async def test_fetching_speaks_protocol_version_2(github: GitHubStandin, token: str) -> None:
    async with as_git(token) as client:
        answer = await client.get(
            f"{github.clone_url('octo/demo')}/info/refs?service=git-upload-pack",
            headers={"Git-Protocol": "version=2"},
        )

    assert answer.headers["Content-Type"] == "application/x-git-upload-pack-advertisement"
    assert answer.content.startswith(b"000eversion 2\n")


@pytest.mark.parametrize("version", ["0", "1", "2"])
async def test_every_protocol_version_clones(github: GitHubStandin, token: str, tmp_path: Path, version: str) -> None:
    await git("-c", f"protocol.version={version}", "clone", "--quiet", address(github, token), str(tmp_path / "clone"))

    assert (tmp_path / "clone/README.md").is_file()


async def test_a_compressed_request_is_understood(github: GitHubStandin, token: str) -> None:
    command = pkt(b"command=ls-refs\n") + b"0001" + pkt(b"ref-prefix refs/heads/\n") + FLUSH
    async with as_git(token) as client:
        answer = await client.post(
            f"{github.clone_url('octo/demo')}/git-upload-pack",
            content=gzip.compress(command),
            headers={
                "Content-Type": "application/x-git-upload-pack-request",
                "Content-Encoding": "gzip",
                "Git-Protocol": "version=2",
            },
        )

    assert answer.status_code == 200
    assert b"refs/heads/main" in answer.content


async def test_a_large_push_and_clone_stream_through(
    github: GitHubStandin, token: str, checkout: Checkout, tmp_path: Path
) -> None:
    # Above http.postBuffer git probes for credentials first and then sends in chunks.
    data = random.Random(7).randbytes(3_000_000)
    await checkout.commit("large.bin", data, branch="large")
    await checkout.run("push", "--quiet", "origin", "large")

    await git("clone", "--quiet", "--branch", "large", address(github, token), str(tmp_path / "clone"))
    assert (tmp_path / "clone/large.bin").read_bytes() == data


async def test_a_partial_clone_is_served(github: GitHubStandin, token: str, tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    await git("clone", "--quiet", "--filter=blob:none", "--no-checkout", address(github, token), str(folder))

    missing = await git("-C", str(folder), "rev-list", "--objects", "--all", "--missing=print")
    assert "?" in missing


async def test_a_push_that_breaks_off_changes_nothing(github: GitHubStandin, token: str, checkout: Checkout) -> None:
    commit = await checkout.commit("two.txt", b"two\n", branch="topic")
    update = f"{'0' * 40} {commit} refs/heads/topic\0report-status".encode()
    credentials = base64.b64encode(f"x:{token}".encode()).decode()
    host, port = github.url.removeprefix("http://").split(":")
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(host, int(port))
        head = (
            f"POST /octo/demo.git/git-receive-pack HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {credentials}\r\n"
            "Content-Type: application/x-git-receive-pack-request\r\nContent-Length: 100000\r\n\r\n"
        )
        writer.write(head.encode() + pkt(update) + FLUSH + b"PACK")
        await writer.drain()
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    assert "topic" not in await checkout.run("ls-remote", "origin")
    await checkout.run("push", "--quiet", "origin", "topic")


async def test_dumb_http_is_refused(github: GitHubStandin, token: str) -> None:
    async with as_git(token) as client:
        statuses = [
            (await client.get(f"{github.clone_url('octo/demo')}/{path}")).status_code
            for path in ("info/refs", "HEAD", "objects/info/packs", "info/refs?service=git-upload-archive")
        ]

    assert statuses == [403, 404, 404, 403]


def pkt(line: bytes) -> bytes:
    return f"{len(line) + 4:04x}".encode() + line


async def test_git_follows_a_renamed_repository(github: GitHubStandin, checkout: Checkout) -> None:
    github.rename_repository("octo/demo", "hubot/tool")
    await checkout.commit("two.txt", b"two\n", branch="topic")

    said = await checkout.run("push", "origin", "topic")

    assert said == ""
    assert await git("rev-parse", "refs/heads/topic", directory=github.directory("hubot/tool"))
