"""Clone and push through a broker, by real git on both ends, from one commit to a repository of 200 MB."""

import resource
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from errand_common.clock import Clock
from errand_runner.broker.broker import Broker
from errand_runner.broker.lent import Credential, Lent
from errand_runner.broker.remote import Remote
from tests.integration.brokering import BRANCH, PUSH_REFS, open_sandbox
from tests.integration.git_backend import git_sh
from tests.integration.sandboxing import sh
from tests.standins.github import GitHubStandin

FILE_BYTES = 10_000_000
REPOSITORY = "octo/sized"
# To look for what two files of noise have in common would take longer than to carry them.
PLAINLY = "-c core.bigFileThreshold=64k -c core.compression=0"
# What is under way at once, and what Python keeps of it; a whole repository is far more.
HELD_BYTES = 80_000_000


# A commit for fast-import, which packs it as it comes. In a process of its own, for what this one holds is looked at.
FILLING = f"""
import random, sys
out = sys.stdout.buffer
out.write(b"commit refs/heads/main\\ncommitter a <a@b> 0 +0000\\ndata 3\\none\\nM 100644 inline one\\ndata 4\\none\\n")
for number in range(int(sys.argv[1])):
    out.write(b"M 100644 inline noise.%d\\ndata {FILE_BYTES}\\n" % number)
    out.write(random.Random(number).randbytes({FILE_BYTES}) + b"\\n")
"""


@asynccontextmanager
async def hosted(folder: Path, files: int) -> AsyncIterator[tuple[Remote, Path]]:
    """A repository with so many files that do not compress, at a GitHub, and where it lies."""
    async with GitHubStandin(folder) as github:
        github.add_user("octo")
        bare = (await github.add_repository(REPOSITORY, {})).directory
        await git_sh(f"""set -e; git -C {bare} config core.bigFileThreshold 64k; git -C {bare} config core.compression 0
            {sys.executable} -c '{FILLING}' {files} | git -C {bare} fast-import --quiet""")
        github.grant("octo", REPOSITORY, "push")
        token = github.issue_token("octo")

        async def lend(*, refused_lent_id: str) -> Credential:
            return Credential("x-access-token", token)

        lent = Lent(lend, now_s=Clock().boot_s)
        yield Remote(REPOSITORY, github.clone_url(REPOSITORY), lent, PUSH_REFS), bare


@pytest.mark.parametrize(("files", "pushed_files"), [(0, 0), (2, 1), (20, 5)], ids=["one commit", "20 MB", "200 MB"])
async def test_it_is_cloned_and_pushed_to_whole_and_never_held(
    state_dir: Path, sandbox_image: str, files: int, pushed_files: int
) -> None:
    async with hosted(state_dir / "github", files) as (remote, bare):
        broker = Broker(socket_dir=state_dir / "s", remotes=[remote], allow=lambda: True, holds=lambda: True)
        async with broker, open_sandbox(state_dir, sandbox_image) as sandbox:
            before_bytes = _most_held_bytes()
            cloned = await sh(
                sandbox, f"git clone -q {broker.remote_url} repo && cd repo && git rev-parse HEAD", timeout_s=50
            )
            assert cloned.split() == [await _commit(bare, "main")]
            pushed = await sh(
                sandbox,
                f"""set -e; cd repo; git checkout -qb {BRANCH}; echo two > two
                for number in $(seq {pushed_files}); do head -c {FILE_BYTES} /dev/urandom > more.$number; done
                git {PLAINLY} add .; git -c user.name=a -c user.email=a@b commit -qm two
                git {PLAINLY} push -q origin HEAD; git rev-parse HEAD""",
                timeout_s=50,
            )
            assert pushed.split() == [await _commit(bare, BRANCH)]
            assert _most_held_bytes() - before_bytes < HELD_BYTES


async def _commit(bare: Path, branch: str) -> str:
    return (await git_sh(f"git -C {bare} rev-parse --verify {branch}")).strip()


def _most_held_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
