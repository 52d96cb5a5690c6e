"""Real git in a real sandbox, through the broker, to a real git server."""

from collections.abc import AsyncGenerator
from pathlib import Path

import aiohttp
import pytest

from errand_common.clock import Clock
from errand_runner import doorway
from errand_runner.broker.broker import Broker
from errand_runner.broker.lent import Lent
from errand_runner.broker.remote import Remote
from errand_runner.sandbox.docker import Sandbox
from errand_runner.sandbox.profile import GIT_CONFIG
from tests.integration.brokering import (
    BRANCH,
    ONE,
    ZERO,
    Lender,
    make_broker,
    open_sandbox,
    own_remote,
    pkt,
    unix_http,
)
from tests.integration.git_backend import OWNER_AND_NAME, GitBackend, git_sh, make_repository


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


async def test_a_partial_clone_by_version_2_gets_later_what_it_left_out_and_pulls_what_is_new(
    sandbox: Sandbox, broker: Broker, backend: GitBackend, tmp_path: Path
) -> None:
    bare = f"{backend.root}/{OWNER_AND_NAME}.git"
    await git_sh(f"git -C {bare} config uploadpack.allowFilter true")
    cloned = await sh(
        sandbox,
        f"""set -e; GIT_TRACE_PACKET=1 git clone --filter=blob:none --no-checkout {broker.remote_url} repo; cd repo
        git rev-list --objects --missing=print HEAD | grep -c '^?'; git checkout -q; wc -l < numbers""",
    )
    assert "< version 2" in cloned
    assert "2\n20000\n" in cloned, "two files were left out, and got when they were needed"
    await git_sh(f"""git clone -q {bare} {tmp_path}/person && cd {tmp_path}/person && echo new > new && git add new
        git commit -qm new && git push -q""")
    assert await sh(sandbox, "cd repo && git pull -q --rebase && cat new") == "new\nexit 0"


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


async def test_a_push_that_is_too_large_is_rejected_in_gits_words(
    state_dir: Path, sandbox_image: str, backend: GitBackend, lender: Lender
) -> None:
    async with (
        make_broker(state_dir, backend, lender, push_limit_bytes=2 << 20) as broker,
        open_sandbox(state_dir, sandbox_image) as sandbox,
    ):
        said = await sh(
            sandbox,
            f"""git clone -q {broker.remote_url} repo; cd repo; git checkout -qb {BRANCH}
            head -c 4000000 /dev/urandom > big; git add big; git commit -qm a; git push origin {BRANCH}""",
        )
    assert "! [remote rejected]" in said
    assert "(a push from this sandbox may hold 2 MiB; this one is larger)" in said
    assert said.endswith("exit 1")
    assert await head_of(backend, BRANCH) == "none"


async def test_deleting_and_other_repositories_are_refused_with_words(
    sandbox: Sandbox, broker: Broker, backend: GitBackend
) -> None:
    said = await sh(
        sandbox,
        f"""git clone -q {broker.remote_url} repo; cd repo; git push -q origin HEAD:{BRANCH}; git push origin :{BRANCH}
        git ls-remote http://127.0.0.1:{doorway.PORT}/git/octo/other.git""",
    )
    assert "(deleting is not allowed from this sandbox)" in said
    assert "remote: git reaches only octo/demo from this sandbox" in said
    assert await head_of(backend, BRANCH) == await head_of(backend, "main")


@pytest.fixture
async def two(state_dir: Path, tmp_path: Path, backend: GitBackend, lender: Lender) -> AsyncGenerator[Broker]:
    """A broker of two repositories, the second to be read alone."""
    await make_repository(tmp_path / "octo/lib.git")
    lib = Remote("octo/lib", backend.url.replace("demo", "lib"), Lent(lender, now_s=Clock().boot_s))
    remotes = [own_remote(backend.url, lender), lib]
    async with Broker(socket_dir=state_dir / "s", remotes=remotes, allow=lambda: True, holds=lambda: True) as broker:
        yield broker


async def test_a_listed_repository_is_read_at_its_usual_address_and_never_pushed_to(
    state_dir: Path, sandbox_image: str, two: Broker, backend: GitBackend, tmp_path: Path
) -> None:
    before = (await git_sh(f"git -C {tmp_path}/octo/lib.git for-each-ref")).strip()
    async with open_sandbox(state_dir, sandbox_image) as sandbox:
        await sandbox.supervisor.write(GIT_CONFIG, two.git_config.encode())
        host = backend.url.removesuffix("/octo/demo.git")
        said = await sh(
            sandbox,
            f"""set -e; git clone -q {host}/octo/lib a; git clone -q {host}/octo/lib.git b
            git clone -q git@127.0.0.1:octo/lib.git c; git clone -q ssh://git@127.0.0.1/octo/demo d
            git -C d submodule --quiet add ../lib.git lib; wc -l < d/lib/numbers
            cd a; git checkout -qb {BRANCH}; git commit -qm x --allow-empty; git push origin HEAD:{BRANCH}""",
        )
    assert said.startswith("20000\n"), said
    assert "remote: octo/lib may only be read from this sandbox" in said
    assert (await git_sh(f"git -C {tmp_path}/octo/lib.git for-each-ref")).strip() == before


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


async def test_a_repository_that_was_renamed_is_fetched_from_and_pushed_to_under_its_old_name(
    sandbox: Sandbox, broker: Broker, backend: GitBackend
) -> None:
    backend.rename(OWNER_AND_NAME, "hubot/tool")

    done = await sh(
        sandbox,
        f"""set -e; git clone -q {broker.remote_url} repo; cd repo; git checkout -qb {BRANCH}
        echo a > a; git add a; git commit -qm a; git push -q origin {BRANCH}; git rev-parse HEAD""",
    )

    pushed = await git_sh(f"git -C {backend.root}/hubot/tool.git rev-parse {BRANCH}")
    assert done.split()[0] == pushed.strip()
    assert await broker.at_host.commit_of(f"refs/heads/{BRANCH}") == pushed.strip()
