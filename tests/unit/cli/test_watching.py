"""A watch goes on over a line that breaks and a scheduler that is restored, and repeats nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from errand.v1 import event_pb2, task_pb2
from errand.v1.task_service_pb2 import GetTaskRequest
from errand_cli.connection import Connection, connect
from errand_cli.profile import Profile
from errand_cli.watching import Told, story
from errand_common.errors import NotFound, Unavailable
from tests.unit.gateway.scheduler_double import SchedulerDouble, new_task
from tests.unit.gateway.scheduler_tls import certificates

TASK = "tsk_1"
DEADLINE_S = 30.0


@pytest.fixture
async def scheduler() -> AsyncIterator[SchedulerDouble]:
    double = SchedulerDouble()
    double.tasks[TASK] = new_task(TASK)
    await double.start()
    yield double
    await double.stop()


@pytest.fixture
async def connection(scheduler: SchedulerDouble) -> AsyncIterator[Connection]:
    profile = Profile(scheduler.address, certificates().ca.decode(), scheduler.new_session())
    async with connect(profile) as opened:
        yield opened


def happen(scheduler: SchedulerDouble, summary: str) -> None:
    event = event_pb2.Event(task_id=TASK)
    event.body.message_appended.CopyFrom(event_pb2.MessageAppended(role=task_pb2.ROLE_ASSISTANT, summary=summary))
    scheduler.history.append(event)


async def until(told: AsyncIterator[Told], kind: str) -> list[str]:
    """The kinds of what is told up to one of that kind; of an event its words."""
    seen = []
    async with asyncio.timeout(DEADLINE_S):
        async for each in told:
            match each:
                case Told("event", {"event": {"detail": {"summary": words}}}):
                    seen.append(str(words))
                case _:
                    seen.append(each.kind)
            if kind in (each.kind, seen[-1]):
                return seen
    raise AssertionError(f"nothing of the kind {kind} was told")


async def test_after_a_break_it_goes_on_where_it_was(scheduler: SchedulerDouble, connection: Connection) -> None:
    happen(scheduler, "one")
    async with aclosing(story(connection, TASK)) as told:
        assert await until(told, "caught_up") == ["one", "caught_up"]
        scheduler.history.fail_watchers(Unavailable("the scheduler restarts"))
        assert await until(told, "error") == ["error"]
        happen(scheduler, "two")
        assert await until(told, "two") == ["two"]
    assert scheduler.history.opened == ["", "1.1"]


async def test_a_restored_scheduler_is_heard_from_its_beginning(
    scheduler: SchedulerDouble, connection: Connection
) -> None:
    happen(scheduler, "one")
    async with aclosing(story(connection, TASK)) as told:
        await until(told, "caught_up")
        scheduler.history.restore()
        happen(scheduler, "another history")
        assert await until(told, "caught_up") == ["error", "reset", "another history", "caught_up"]
    assert scheduler.history.opened == ["", "1.1", ""]


async def test_a_task_that_is_not_there_ends_it(connection: Connection) -> None:
    async with aclosing(story(connection, "tsk_none")) as told:
        with pytest.raises(NotFound):
            await until(told, "caught_up")


async def test_a_scheduler_that_starts_meanwhile_is_asked_again(
    scheduler: SchedulerDouble, connection: Connection
) -> None:
    await scheduler.stop()
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(connection.ask(connection.tasks.GetTask, GetTaskRequest(task_id=TASK)))
        await asyncio.sleep(0)
        await scheduler.start()
    assert asked.result().task.task_id == TASK
