"""Real git in a real sandbox, through the broker, to a real git server; and raw requests for what git never sends."""

import asyncio
import gzip
import io
import secrets
import shutil
import stat
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from errand_common.clock import Clock
from errand_common.errors import Unavailable
from errand_common.ids import Ids
from errand_runner.broker.broker import Broker, Credential
from errand_runner.sandbox.docker import Engine, Sandbox, SandboxSpec
from tests.integration.git_backend import OWNER_AND_NAME, GitBackend, git_sh, serve

BRANCH = "errand/tsk_1"
PUSH_REFS = frozenset({f"refs/heads/{BRANCH}", "refs/errand/tsk_1"})
ZERO, ONE = "0" * 40, "1" * 40


@dataclass
class Lender:
    """Lends the first password; asked to refresh, the next."""

    passwords: list[str]
    asked: list[bool] = field(default_factory=list)
    failure: Exception | None = None

    async def __call__(self, *, refresh: bool = False) -> Credential:
        self.asked.append(refresh)
        if self.failure:
            raise self.failure
        if refresh and len(self.passwords) > 1:
            self.passwords.pop(0)
        return Credential("x-access-token", self.passwords[0])


@pytest.fixture
def state_dir() -> Iterator[Path]:
    # Short: a socket's path holds 108 bytes.
    path = Path(tempfile.mkdtemp(prefix="errand-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def password() -> str:
    return f"ghs_{secrets.token_hex(20)}"


@pytest.fixture
async def backend(tmp_path: Path, password: str) -> AsyncGenerator[GitBackend]:
    async with serve(tmp_path, password=password) as server:
        yield server


@pytest.fixture
def lender(password: str) -> Lender:
    return Lender([password])


@pytest.fixture
async def broker(state_dir: Path, backend: GitBackend, lender: Lender) -> AsyncGenerator[Broker]:
    async with make_broker(state_dir, backend, lender) as listening:
        yield listening


@pytest.fixture
async def http(broker: Broker, state_dir: Path) -> AsyncGenerator[aiohttp.ClientSession]:
    async with unix_http(state_dir) as session:
        yield session


def make_broker(
    state_dir: Path, backend: GitBackend, lender: Lender, *, allowed: bool = True, push_limit_bytes: int = 200 << 20
) -> Broker:
    return Broker(
        socket_dir=state_dir / "s",
        upstream_url=backend.url,
        repository=OWNER_AND_NAME,
        push_refs=PUSH_REFS,
        lend=lender,
        allow=lambda: allowed,
        push_limit_bytes=push_limit_bytes,
    )


@asynccontextmanager
async def open_sandbox(state_dir: Path, image: str) -> AsyncGenerator[Sandbox]:
    ids = Ids(Clock())
    runner_id = ids.new("rnr")
    spec = SandboxSpec(
        sandbox_id=ids.new("sbx"),
        task_id=ids.new("tsk"),
        runner_id=runner_id,
        image=image,
        socket_dir=state_dir / "s",
        memory_bytes=512 << 20,
        lifetime_s=600,
    )
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(Engine.connect(state_dir=state_dir))
        stack.push_async_callback(engine.remove_everything, runner_id)
        yield await stack.enter_async_context(engine.open(spec))


@pytest.fixture
async def sandbox(state_dir: Path, sandbox_image: str, broker: Broker) -> AsyncGenerator[Sandbox]:
    async with open_sandbox(state_dir, sandbox_image) as opened:
        yield opened


async def sh(sandbox: Sandbox, script: str) -> str:
    env = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = await sandbox.supervisor.capture(["bash", "-c", script], cwd="/workspace", env=env, timeout_s=60)
    return (done.stdout + done.stderr).decode() + f"exit {done.exit.code}"


async def head_of(backend: GitBackend, ref: str) -> str:
    return (
        await git_sh(f"git -C {backend.root}/{OWNER_AND_NAME}.git rev-parse -q --verify {ref} || echo none")
    ).strip()


async def test_clone_commit_push_and_no_credential_inside(
    sandbox: Sandbox, broker: Broker, backend: GitBackend, password: str
) -> None:
    cloned = await sh(sandbox, f"GIT_CURL_VERBOSE=1 git clone {broker.remote_url} repo && wc -l < repo/numbers")
    assert cloned.endswith("exit 0")
    assert "20000\n" in cloned
    pushed = await sh(
        sandbox,
        f"cd repo && git checkout -qb {BRANCH} && echo new > new && git add . && git commit -qm new"
        f" && GIT_TRACE_PACKET=1 GIT_CURL_VERBOSE=1 git push origin {BRANCH}; git rev-parse HEAD > /tmp/head",
    )
    assert f"* [new branch]      {BRANCH} -> {BRANCH}" in pushed
    assert await sh(sandbox, "cat /tmp/head") == f"{await head_of(backend, BRANCH)}\nexit 0"
    everything = cloned + pushed + await sh(sandbox, "cat repo/.git/config; env; cat /proc/*/environ /proc/*/cmdline")
    assert password not in everything
    assert "uthorization" not in everything


async def test_the_own_branch_can_be_fetched_rebased_and_forced(
    sandbox: Sandbox, broker: Broker, backend: GitBackend
) -> None:
    done = await sh(
        sandbox,
        f"""set -e; git clone -q --depth 1 {broker.remote_url} repo; cd repo; git checkout -qb {BRANCH}
        echo a > a; git add a; git commit -qm a; git push -q origin {BRANCH}
        git commit -q --amend -m b; git push -q --force origin {BRANCH}
        git fetch -q --unshallow; git rebase -q origin/main; git rev-list --count HEAD
        head -c 3000000 /dev/urandom > big; git add big; git commit -qm big; git push -q origin {BRANCH}
        git push -q origin HEAD:refs/errand/tsk_1; git rev-parse HEAD""",
    )
    assert done.split()[0] == "3"
    assert done.split()[1] == await head_of(backend, BRANCH) == await head_of(backend, "refs/errand/tsk_1")
    large = [request for request in backend.requests if "chunked" in request.headers.get("Transfer-Encoding", "")]
    assert large, "a push over git's post buffer is streamed"


@pytest.mark.parametrize("refs", ["HEAD:main", "HEAD:refs/tags/v1", f"{BRANCH} HEAD:main", "v1"])
async def test_a_push_elsewhere_is_rejected_in_gits_words_and_changes_nothing(
    sandbox: Sandbox, broker: Broker, backend: GitBackend, refs: str
) -> None:
    before = await head_of(backend, "main")
    said = await sh(
        sandbox,
        f"""git clone -q {broker.remote_url} repo; cd repo; git checkout -qb {BRANCH}; git tag v1
        head -c 2000000 /dev/urandom > big; git add big; git commit -qm a; git push origin {refs}""",
    )
    assert "! [remote rejected]" in said
    assert f"(only {BRANCH} and refs/errand/tsk_1 may be pushed from this sandbox)" in said
    assert said.endswith("exit 1")
    assert await head_of(backend, "main") == before
    assert [await head_of(backend, ref) for ref in (BRANCH, "refs/tags/v1")] == ["none", "none"]


async def test_deleting_and_other_repositories_are_refused_with_words(
    sandbox: Sandbox, broker: Broker, backend: GitBackend
) -> None:
    said = await sh(
        sandbox,
        f"""git clone -q {broker.remote_url} repo; cd repo; git push -q origin HEAD:{BRANCH}; git push origin :{BRANCH}
        git ls-remote http://127.0.0.1:3128/git/octo/other.git""",
    )
    assert "(deleting is not allowed from this sandbox)" in said
    assert "remote: this sandbox reaches one repository" in said
    assert await head_of(backend, BRANCH) == await head_of(backend, "main")


async def test_an_expired_credential_is_renewed_unseen(
    broker: Broker, sandbox: Sandbox, backend: GitBackend, lender: Lender
) -> None:
    lender.passwords.append("renewed")
    backend.passwords = {"renewed"}
    assert (await sh(sandbox, f"git clone -q {broker.remote_url} repo")).endswith("exit 0")
    assert lender.asked.count(True) == 1


async def test_a_refused_credential_is_told_and_no_password_asked(
    broker: Broker, sandbox: Sandbox, backend: GitBackend
) -> None:
    backend.passwords = set()
    said = await sh(sandbox, f"git clone -q {broker.remote_url} repo")
    assert "remote: the git server refuses the credential lent to this task" in said


async def test_a_streamed_push_with_an_expired_credential_renews_it_for_the_next(
    http: aiohttp.ClientSession, backend: GitBackend, lender: Lender
) -> None:
    lender.passwords.append("renewed")
    backend.passwords = {"renewed"}

    async def body() -> AsyncGenerator[bytes]:
        yield pkt(f"{ZERO} {ONE} refs/heads/{BRANCH}\0report-status") + b"0000" + b"PACK"

    first = await http.post("/git/octo/demo.git/git-receive-pack", data=body())
    assert (first.status, await first.text()) == (
        403,
        "the credential lent to this task had expired; it was renewed, so try once more\n",
    )
    assert lender.passwords == ["renewed"]


async def test_without_a_lease_nothing_is_lent(state_dir: Path, backend: GitBackend, lender: Lender) -> None:
    async with make_broker(state_dir, backend, lender, allowed=False), unix_http(state_dir) as http:
        answer = await http.get("/git/octo/demo.git/info/refs?service=git-upload-pack")
        assert (answer.status, "holds no lease" in await answer.text()) == (403, True)
    assert (lender.asked, backend.requests) == ([], [])


async def test_when_nothing_can_be_lent_the_reason_is_told(http: aiohttp.ClientSession, lender: Lender) -> None:
    lender.failure = Unavailable("GitHub does not answer")
    answer = await http.get("/git/octo/demo.git/info/refs?service=git-upload-pack")
    assert (answer.status, await answer.text()) == (503, "no credential can be lent now: GitHub does not answer\n")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/git/octo/demo.git/info/refs"),
        ("GET", "/git/octo/demo.git/info/refs?service=git-upload-archive"),
        ("GET", "/git/octo/demo.git/info/refs?service=git-upload-pack&x=1"),
        ("GET", "/git/octo/demo.git/HEAD"),
        ("GET", "/git/octo/demo.git/git-upload-pack"),
        ("POST", "/git/octo/demo.git/info/refs?service=git-upload-pack"),
        ("POST", "/git/octo/demo.git/info/lfs/objects/batch"),
        ("POST", "/git/octo/demo.git/git-upload-pack?x=1"),
        ("PUT", "/git/octo/demo.git/git-receive-pack"),
        ("GET", "/git/octo/other.git/info/refs?service=git-upload-pack"),
        ("GET", "/git/octo/demo.git/../other.git/info/refs?service=git-upload-pack"),
        ("GET", "/git/octo/demo.git%2f..%2fother.git/info/refs?service=git-upload-pack"),
        ("GET", "/git/octo/demo/../../x/info/refs?service=git-upload-pack"),
        ("GET", "//git/octo/demo.git/info/refs?service=git-upload-pack"),
        ("GET", "http://evil/git/octo/demo.git/info/refs?service=git-upload-pack"),
        ("CONNECT", "github.com:443"),
    ],
)
async def test_nothing_but_smart_http_of_the_one_repository_passes(
    broker: Broker, state_dir: Path, backend: GitBackend, lender: Lender, method: str, path: str
) -> None:
    status = await raw_status(state_dir, f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    assert status in (400, 403, 404)
    assert (backend.requests, lender.asked) == ([], [])


async def test_only_listed_headers_travel_either_way(http: aiohttp.ClientSession, backend: GitBackend) -> None:
    answer = await http.get(
        "/git/octo/demo/info/refs?service=git-upload-pack",
        headers={
            "Authorization": "Basic bWluZQ==",
            "Cookie": "a=b",
            "X-Forwarded-For": "1.2.3.4",
            "Git-Protocol": "version=2",
            "User-Agent": "git/2.39",
        },
    )
    assert answer.status == 200
    assert set(answer.headers) <= {
        "Content-Type",
        "Content-Length",
        "Cache-Control",
        "Expires",
        "Pragma",
        "Date",
        "Server",
    }
    assert b"version 2" in await answer.read()
    seen = backend.requests[0].headers
    assert set(seen) == {"Host", "Accept", "Accept-Encoding", "Git-Protocol", "Authorization"}
    assert seen["Authorization"] != "Basic bWluZQ=="


async def test_a_redirect_is_not_followed(http: aiohttp.ClientSession, backend: GitBackend) -> None:
    backend.redirect_to = f"{backend.url}/elsewhere"
    answer = await http.get("/git/octo/demo.git/info/refs?service=git-upload-pack")
    assert (answer.status, len(backend.requests), "Location" in answer.headers) == (502, 1, False)


def pkt(line: str) -> bytes:
    return b"%04x" % (len(line) + 4) + line.encode()


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"garbage that is no pkt-line", {}, 400),
        (pkt(f"{ZERO} {ONE} refs/heads/{BRANCH}\0report-status"), {}, 400),
        (pkt("x" * 60_000) * 2, {}, 400),
        (pkt("push-cert\0report-status") + b"0000", {}, 400),
        (gzip.compress(pkt(f"{ZERO} {ONE} refs/heads/main\0") + b"0000"), {"Content-Encoding": "gzip"}, 415),
    ],
)
async def test_a_push_that_cannot_be_checked_is_refused(
    http: aiohttp.ClientSession, backend: GitBackend, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await http.post("/git/octo/demo.git/git-receive-pack", data=body, headers=headers)
    assert (answer.status, backend.requests) == (status, [])


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("branch", [BRANCH, "main"])
async def test_a_push_over_its_limit_is_refused(
    state_dir: Path, backend: GitBackend, lender: Lender, told: bool, branch: str
) -> None:
    head = pkt(f"{ZERO} {ONE} refs/heads/{branch}\0report-status") + b"0000"

    async def stream() -> AsyncGenerator[bytes]:
        yield head
        for _ in range(40):
            yield b"x" * 100_000

    async with make_broker(state_dir, backend, lender, push_limit_bytes=1 << 20), unix_http(state_dir) as http:
        answer = await http.post(
            "/git/octo/demo.git/git-receive-pack", data=io.BytesIO(head + b"x" * 4_000_000) if told else stream()
        )
        assert (answer.status, await answer.text()) == (
            413,
            "a push from this sandbox may hold 1 MiB; this one is larger\n",
        )


async def test_when_the_git_server_is_away_it_is_said(state_dir: Path, lender: Lender) -> None:
    gone = GitBackend(state_dir, set(), url="http://127.0.0.1:1/octo/demo.git")
    async with make_broker(state_dir, gone, lender), unix_http(state_dir) as http:
        answer = await http.get("/git/octo/demo.git/info/refs?service=git-upload-pack")
        assert (answer.status, "did not answer" in await answer.text()) == (502, True)


async def test_the_socket_is_open_to_the_sandbox_alone_and_replaces_a_stale_one(
    state_dir: Path, backend: GitBackend, lender: Lender
) -> None:
    for _ in range(2):
        async with make_broker(state_dir, backend, lender), unix_http(state_dir) as http:
            assert stat.S_IMODE((state_dir / "s").stat().st_mode) == 0o711
            assert stat.S_IMODE((state_dir / "s/broker.sock").stat().st_mode) == 0o666
            assert (await http.get("/git/octo/demo.git/info/refs?service=git-upload-pack")).status == 200
        with pytest.raises(aiohttp.ClientError):
            async with unix_http(state_dir) as http:
                await http.get("/")
        (state_dir / "s/broker.sock").touch()


async def test_a_length_without_its_body_does_not_reach_the_git_host(state_dir: Path, lender: Lender) -> None:
    heads: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    upstream = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = upstream.sockets[0].getsockname()
    broker = Broker(
        socket_dir=state_dir / "s",
        upstream_url=f"http://{host}:{port}/octo/demo.git",
        repository=OWNER_AND_NAME,
        push_refs=PUSH_REFS,
        lend=lender,
        allow=lambda: True,
    )
    async with upstream, broker:
        request = "GET /git/octo/demo.git/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: x\r\n"
        assert await raw_status(state_dir, f"{request}Content-Length: 1000\r\n\r\n") == 200

    assert len(heads) == 1
    assert "content-length" not in heads[0].lower()


async def test_one_sandbox_cannot_take_the_runners_descriptors(state_dir: Path, broker: Broker) -> None:
    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(10):
                return await reader.read(1) != b""
        except ConnectionError:
            return False

    connections = [await asyncio.open_unix_connection(state_dir / "s/broker.sock") for _ in range(60)]
    try:
        assert sum([await served(*connection) for connection in connections]) == 32
    finally:
        for _, writer in connections:
            writer.close()


def test_a_path_too_long_for_a_socket_is_refused_at_once(tmp_path: Path, lender: Lender) -> None:
    with pytest.raises(ValueError, match="too long for a socket"):
        make_broker(tmp_path / ("x" * 100), GitBackend(tmp_path, set()), lender)


def test_a_credential_is_not_printed() -> None:
    assert "secret" not in repr(Credential("x", "secret"))


def unix_http(state_dir: Path) -> aiohttp.ClientSession:
    return aiohttp.ClientSession("http://sandbox", connector=aiohttp.UnixConnector(str(state_dir / "s/broker.sock")))


async def raw_status(state_dir: Path, request: str) -> int:
    """The status of a request sent as it stands: a client would tidy it up first."""
    reader, writer = await asyncio.open_unix_connection(state_dir / "s/broker.sock")
    try:
        writer.write(request.encode())
        async with asyncio.timeout(10):
            return int((await reader.readline()).split()[1])
    finally:
        writer.close()
        await writer.wait_closed()
