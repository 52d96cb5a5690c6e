"""The scheduler is stopped in the middle of an errand; nothing of it is lost, and it goes on."""

import sqlite3
from pathlib import Path

import pytest

from errand.v1 import event_pb2, runner_pb2, task_pb2
from errand_common.clock import Clock
from errand_common.service import StartError
from errand_scheduler.server import scheduler
from tests.integration.scheduling import (
    Person,
    github_with_repository,
    inputs_event,
    message_event,
    new_task,
    phase_event,
    settings,
    stack,
    tool_events,
)


async def record(person: Person, task_id: str) -> list[bytes]:
    return [event.SerializeToString() for event in await person.events(task_id)]


async def test_a_restart_in_the_middle_keeps_everything(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        async with stack(tmp_path / "data", github) as before:
            person = await before.sign_in()
            project = await person.add_project()
            task = await person.create(project.project_id, request_id="once")
            waiting = await person.create(project.project_id)
            async with before.runner(slots=1) as runner:
                assignment = await runner.take()
                ref = assignment.attempt
                await runner.send(
                    ref, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING), inputs_event(assignment), *tool_events("t1")
                )
                events_before = await record(person, task.task_id)
                cursor = (await person.events(task.task_id))[-1].cursor

        async with stack(tmp_path / "data", github) as after:
            person = after.again(person)
            assert await record(person, task.task_id) == events_before
            assert (await person.task(task.task_id)).status == task_pb2.TASK_STATUS_RUNNING
            assert (await person.task(waiting.task_id)).status == task_pb2.TASK_STATUS_PENDING
            assert (await person.create(project.project_id, request_id="once")).task_id == task.task_id
            watch = person.watch(task.task_id, cursor)
            assert await watch.until_caught_up() == []

            again = after.runner(slots=1)
            assert (await again.beat_error(ref)) == "SESSION_SUPERSEDED"
            answer = await again.open([runner_pb2.HeldAttempt(attempt=ref, last_sequence=4)])
            assert [each.verdict for each in answer.verdicts] == [runner_pb2.VERDICT_KEEP]
            again.last_sequences[ref.attempt_id] = 4
            async with again:
                assert [each.attempt for each in again.snapshot.assignments] == [ref]
                ack = await again.send(ref, message_event(task_pb2.ROLE_ASSISTANT, b"[]"))
                assert (ack.acked_sequence, ack.error_reason) == (5, "")
                assert (await again.finish(ref)).error_reason == ""
                while (next_one := await again.next_assignment()).attempt == ref:
                    continue
                assert next_one.task.task_id == waiting.task_id
                assert next_one.attempt.fence == 1
            assert (await watch.next()).event.body.WhichOneof("kind") == "message_appended"
            watch.cancel()
            assert (await person.task(task.task_id)).status == task_pb2.TASK_STATUS_COMPLETED
    with sqlite3.connect(tmp_path / "data" / "errand.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


async def test_a_wait_that_is_over_by_itself_ends_after_a_restart_too(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        async with stack(tmp_path / "data", github, beat_s=0.2) as before:
            person, task = await new_task(before)
            async with before.runner() as runner:
                taken = await runner.take()
                started = event_pb2.WaitStarted(reason=task_pb2.WAIT_REASON_QUOTA, summary="come back later")
                started.resume_duration.FromMilliseconds(500)
                waits = runner_pb2.AttemptEvent(body=event_pb2.EventBody(wait_started=started))
                running = phase_event(task_pb2.ATTEMPT_PHASE_RUNNING)
                await runner.send(taken.attempt, running, inputs_event(taken), waits)
                await runner.finish(taken.attempt, task_pb2.ATTEMPT_PHASE_PARKED)

        async with stack(tmp_path / "data", github, beat_s=0.2) as after:
            person = after.again(person)
            assert (await person.task(task.task_id)).status == task_pb2.TASK_STATUS_WAITING
            async with after.runner(nonce="process-2") as runner, runner.beating():
                assert (await runner.next_assignment()).task.task_id == task.task_id


async def test_a_second_scheduler_on_the_same_data_is_refused(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github, stack(tmp_path / "data", github):
        with pytest.raises(StartError, match="is this scheduler running already"):
            async with stack(tmp_path / "data", github):
                pass


async def test_a_port_that_is_taken_stops_the_start(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github, stack(tmp_path / "data", github) as running:
        wanted = settings(tmp_path / "other", github).model_copy(update={"listen": running.address})
        with pytest.raises(StartError, match="cannot listen"):
            async with scheduler(wanted, Clock()):
                pass
