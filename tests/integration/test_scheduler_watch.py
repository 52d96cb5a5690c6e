"""Watching: the replay and what follows it are one list without a gap."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from errand.v1 import event_pb2, runner_pb2, task_service_pb2
from errand_common.errors import Invalid, Unavailable, from_rpc_error
from tests.integration.scheduling import Stack, github_with_repository, stack


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Stack]:
    async with github_with_repository(tmp_path / "github") as github, stack(tmp_path / "data", github) as each:
        yield each


def step() -> runner_pb2.AttemptEvent:
    return runner_pb2.AttemptEvent(
        body=event_pb2.EventBody(step_finished=event_pb2.StepFinished(step=event_pb2.STEP_CLONE))
    )


async def test_watchers_that_come_at_any_time_see_every_event_once_in_order(running: Stack) -> None:
    person = await running.sign_in()
    task = await person.create((await person.add_project()).project_id)
    batches, batch = 60, 10

    async def watched(cursor: str) -> list[str]:
        watch = person.watch(task.task_id, cursor)
        seen: list[str] = []
        while len([each for each in seen if each]) < 1 or not done.is_set() or seen[-1] != newest[0]:
            item = await watch.next()
            if item.WhichOneof("item") == "event":
                seen.append(item.event.cursor)
        watch.cancel()
        return seen

    done, newest = asyncio.Event(), [""]
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        cursors = [""]
        async with asyncio.TaskGroup() as group:
            watchers = [group.create_task(watched(""))]
            for number in range(batches):
                await runner.send(ref, *(step() for _ in range(batch)))
                if number % 10 == 5:
                    cursors.append((await person.events(task.task_id))[-1].cursor)
                    watchers += [group.create_task(watched(cursor)) for cursor in (cursors[-1], cursors[-2], "")]
            events, after = [], ""
            while page := await page_of(person_events := person, task.task_id, after):
                events += page
                after = page[-1].cursor
            assert person_events is person
            newest[0] = events[-1].cursor
            done.set()
            await runner.send(ref, step())
            newest[0] = (await page_of(person, task.task_id, newest[0]))[-1].cursor
        all_cursors = [each.cursor for each in events] + [newest[0]]
        assert len(all_cursors) == batches * batch + 5
    for watcher in watchers:
        seen = watcher.result()
        assert seen == all_cursors[len(all_cursors) - len(seen) :]
    assert sum(len(watcher.result()) == len(all_cursors) for watcher in watchers) == 1 + 6 + 1


async def page_of(person: "object", task_id: str, after: str) -> list[event_pb2.Event]:
    from tests.integration.scheduling import Person

    assert isinstance(person, Person)
    request = task_service_pb2.ListEventsRequest(task_id=task_id, after_cursor=after, page_size=500)
    return list((await person.tasks.ListEvents(request, metadata=person.metadata)).events)
