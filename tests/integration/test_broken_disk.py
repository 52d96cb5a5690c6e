"""A disk that fails under the database ends the process before anybody is told a false word; the next start goes on."""

import asyncio
import os
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from errand_common import rpc
from errand_common.errors import Unavailable
from tests.integration.scheduling import Stack, github_with_repository, stack
from tests.integration.starting import REFUSAL_S, Started
from tests.standins.github import GitHubStandin

# The C library's own two, which fail once the file that BROKEN names is there.
_FAILING_SYNC = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int broken(void) { return access(getenv("BROKEN"), F_OK) == 0; }

#define FAILING(name) \\
    int name(int fd) { \\
        if (broken()) { errno = EIO; return -1; } \\
        return ((int (*)(int)) dlsym(RTLD_NEXT, #name))(fd); \\
    }

FAILING(fsync)
FAILING(fdatasync)
"""


async def _built(folder: Path) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler to make a disk fail with")
    source, library = folder / "failing.c", folder / "failing.so"
    source.write_text(_FAILING_SYNC)
    build = await asyncio.create_subprocess_exec(compiler, "-shared", "-fPIC", "-o", library, source, "-ldl")
    assert await build.wait() == 0
    return library


@asynccontextmanager
async def on_a_disk_that_may_fail(
    folder: Path, github: GitHubStandin, broken: Path
) -> AsyncIterator[tuple[Stack, Started]]:
    """A scheduler of its own, whose disk fails once the file `broken` is there."""
    data = folder / "data"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "errand_scheduler"),
        env={
            "PATH": os.environ["PATH"],
            "LD_PRELOAD": str(await _built(folder)),
            "BROKEN": str(broken),
            "ERRAND_DATA": str(data),
            "ERRAND_LISTEN": "127.0.0.1:0",
            "ERRAND_GITHUB_CLIENT_ID": "Iv23test",
            "ERRAND_GITHUB_URL": github.url,
            "ERRAND_GITHUB_API_URL": github.api_url,
            "ERRAND_ALLOWED_USERS": "octocat",
        },
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        started = Started(process)
        address = str((await started.until("scheduler_listens"))["address"])
        async with rpc.channel(address, ca=(data / "tls" / "ca.pem").read_bytes()) as channel:
            yield Stack(data=data, address=address, channel=channel, github=github, stop=started.stop), started
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_it_ends_with_words_and_what_was_acknowledged_is_there_at_the_next_start(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    async with github_with_repository(tmp_path / "github") as github:
        async with on_a_disk_that_may_fail(tmp_path, github, broken) as (running, started):
            person = await running.sign_in()
            project = await person.add_project()
            task = await person.create(project.project_id, "before")
            broken.touch()
            with pytest.raises(Unavailable), rpc.renamed_errors():
                await person.create(project.project_id, "never acknowledged")
            told = await started.until("storage_broken")
            assert "disk I/O error" in str(told["error"])
            last = await started.until("service_broke")
            assert "look at the disk, then start the scheduler again" in str(last["exception"])
            async with asyncio.timeout(REFUSAL_S):
                assert await started.process.wait() == 1

        with closing(sqlite3.connect(tmp_path / "data" / "errand.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        async with stack(tmp_path / "data", github) as again:
            person = again.again(person)
            assert (await person.task(task.task_id)).prompt == "before"
            await person.create(project.project_id, "after")
