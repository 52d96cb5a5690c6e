"""Yesterday's backup is restored: what it holds is there, and whatever came after it has no say any more."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from hashlib import sha256
from pathlib import Path

import grpc
import pytest

from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1 import fleet_service_pb2, runner_pb2, task_pb2, task_service_pb2
from errand.v1.fleet_service_pb2_grpc import FleetServiceStub
from errand_common import rpc
from errand_common.errors import from_rpc_error
from tests.integration.scheduling import (
    DEADLINE_S,
    Person,
    ScriptedRunner,
    Stack,
    github_with_repository,
    inputs_event,
    message_event,
    phase_event,
    stack,
)
from tests.integration.starting import REFUSAL_S, started
from tests.standins.github import GitHubStandin

GENERATION = 1 << 32


def environment(data: Path, github: GitHubStandin) -> dict[str, object]:
    return {
        "ERRAND_DATA": data,
        "ERRAND_LISTEN": "127.0.0.1:0",
        "ERRAND_GITHUB_CLIENT_ID": "Iv23test",
        "ERRAND_GITHUB_URL": github.url,
        "ERRAND_GITHUB_API_URL": github.api_url,
        "ERRAND_ALLOWED_USERS": "octocat",
    }


@asynccontextmanager
async def process(data: Path, github: GitHubStandin) -> AsyncIterator[Stack]:
    """A scheduler of its own, and the ways into it."""
    async with started("scheduler", environment(data, github)) as running:
        address = str((await running.until("scheduler_listens"))["address"])
        async with rpc.channel(address, ca=(data / "tls" / "ca.pem").read_bytes()) as channel:
            yield Stack(data=data, address=address, channel=channel, github=github, stop=running.stop)
        await running.stop()


async def command(data: Path, github: GitHubStandin, *words: str) -> tuple[int | None, str]:
    """How `errand-scheduler` ended, and all that it said."""
    settings = {name: str(value) for name, value in environment(data, github).items()}
    ended = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "errand_scheduler", "--log-format", "console", *words),
        env={"PATH": os.environ["PATH"], **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(REFUSAL_S):
        said, _ = await ended.communicate()
    return ended.returncode, said.decode()


def epoch(cursor: str) -> str:
    """Event numbers begin again after a restore; together with this they name one event for ever."""
    return cursor.partition(".")[0]


async def put_blob(runner: ScriptedRunner, ref: runner_pb2.AttemptRef, content: bytes) -> task_pb2.Blob:
    blob = task_pb2.Blob(sha256=sha256(content).hexdigest(), size_bytes=len(content))
    first = dispatch.PutBlobRequest(session_id=runner.session_id, attempt=ref, blob=blob, chunk=content)
    await runner.stub.PutBlob(iter([first]), metadata=runner.metadata, timeout=DEADLINE_S)
    return blob


async def blob_of(person: Person, task_id: str, blob: task_pb2.Blob) -> bytes:
    request = task_service_pb2.GetBlobRequest(task_id=task_id, sha256=blob.sha256)
    call = person.tasks.GetBlob(request, metadata=person.metadata, timeout=DEADLINE_S)
    return b"".join([answer.chunk async for answer in call])


async def test_a_restore_brings_back_what_was_and_voids_what_came_after(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "backup.tar"
    content = b'[{"type": "text", "text": "%s"}]' % (b"long " * 20_000)
    async with github_with_repository(tmp_path / "github") as github:
        async with process(data, github) as before:
            person = await before.sign_in()
            project = await person.add_project()
            task = await person.create(project.project_id, "before the backup")
            async with before.runner() as runner:
                assignment = await runner.take()
                ref = assignment.attempt
                long = message_event(task_pb2.ROLE_ASSISTANT, b"")
                blob = await put_blob(runner, ref, content)
                long.message.content_blob.CopyFrom(blob)
                await runner.send(ref, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING), inputs_event(assignment), long)
                await runner.finish(ref)
                events_then = await person.events(task.task_id)

                code, said = await command(data, github, "backup", str(file))
                assert (code, f"{file} holds everything" in said) == (0, True), said
                assert file.stat().st_mode & 0o077 == 0

                await person.add_input(task.task_id, "and one more thing")
                newer = (await runner.take()).attempt
                await runner.send(newer, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING))
                other = await person.create(project.project_id, "after the backup")
                cursor = (await person.events(task.task_id))[-1].cursor
            code, said = await command(data, github, "restore", str(file))
            assert (code, "is this scheduler running already? Stop it" in said) == (2, True), said

        code, said = await command(data, github, "restore", str(file))
        assert (code, f"{data} is as it was on " in said) == (0, True), said
        (kept,) = data.glob("before-restore-*")
        assert f"what it held until now is in {kept}" in said
        with closing(sqlite3.connect(kept / "errand.db")) as connection:
            assert connection.execute("SELECT COUNT(*) FROM tasks").fetchone() == (2,)

        async with process(data, github) as after:
            person = after.again(person)
            assert (await person.task(task.task_id)).status == task_pb2.TASK_STATUS_COMPLETED
            bodies = [event.body for event in await person.events(task.task_id)]
            assert bodies == [event.body for event in events_then]
            assert await blob_of(person, task.task_id, blob) == content
            with pytest.raises(grpc.aio.AioRpcError) as unknown:
                await person.task(other.task_id)
            assert unknown.value.code() is grpc.StatusCode.NOT_FOUND

            watch = person.watch(task.task_id, cursor)
            reset = await watch.next()
            assert (reset.kind, epoch(reset.cursor) != epoch(cursor)) == ("reset", True)
            watch.cancel()

            runner = after.runner(nonce="another")
            answer = await runner.open([runner_pb2.HeldAttempt(attempt=newer, last_sequence=1)])
            assert [each.verdict for each in answer.verdicts] == [runner_pb2.VERDICT_FORGET]
            async with runner:
                await person.add_input(task.task_id, "go on")
                again = (await runner.take()).attempt
            assert again.fence == GENERATION + 1 > newer.fence
            assert again.attempt_id != newer.attempt_id


async def test_only_an_operator_gets_one(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github, stack(tmp_path / "data", github) as running:
        person = await running.sign_in()
        for token in (person.access_token, running.gateway_token, running.runner_token):
            call = FleetServiceStub(running.channel).Backup(
                fleet_service_pb2.BackupRequest(), metadata=rpc.bearer(token), timeout=DEADLINE_S
            )
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call.read()
            assert from_rpc_error(refused.value).reason == "DENIED"


async def test_a_backup_that_fails_leaves_the_one_of_yesterday(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "backup.tar"
    file.write_bytes(b"yesterday's")
    async with github_with_repository(tmp_path / "github") as github:
        async with stack(data, github):
            pass
        code, said = await command(data, github, "backup", str(file))
    assert (code, "no backup: the scheduler does not answer" in said) == (1, True), said
    assert file.read_bytes() == b"yesterday's"
    assert [path.name for path in tmp_path.glob("backup*")] == ["backup.tar"]


async def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github, stack(tmp_path / "data", github):
        code, said = await command(tmp_path / "data", github, "backup", str(tmp_path / "none" / "backup.tar"))
    assert (code, "cannot be written to" in said) == (2, True), said
