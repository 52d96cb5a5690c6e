"""Watching: the replay and what follows it are one list without a gap."""

import asyncio
from pathlib import Path

import grpc
import pytest

from errand.v1 import event_pb2, runner_pb2, task_pb2, task_service_pb2
from errand_common.errors import Invalid, Unavailable, from_rpc_error
from tests.integration.scheduling import Person, Stack, github_with_repository, stack


def step() -> runner_pb2.AttemptEvent:
    finished = event_pb2.StepFinished(step=event_pb2.STEP_CLONE)
    return runner_pb2.AttemptEvent(body=event_pb2.EventBody(step_finished=finished))


async def seen_until_completed(person: Person, task_id: str, cursor: str) -> list[str]:
    """The cursors of everything after one, up to the task's completion."""
    watch = person.watch(task_id, cursor)
    seen = []
    while True:
        item = await watch.next()
        if item.kind != "event":
            continue
        seen.append(item.event.cursor)
        if item.event.body.task_status_changed.status == task_pb2.TASK_STATUS_COMPLETED:
            watch.cancel()
            return seen


async def every_cursor(person: Person, task_id: str) -> list[str]:
    """Read page by page."""
    cursors, more = [""], True
    while more:
        request = task_service_pb2.ListEventsRequest(task_id=task_id, after_cursor=cursors[-1], page_size=100)
        page = await person.tasks.ListEvents(request, metadata=person.metadata)
        cursors += [event.cursor for event in page.events]
        more = page.has_more
    return cursors


async def test_watchers_that_come_at_any_time_see_every_event_once_and_in_order(running: Stack) -> None:
    person = await running.sign_in()
    task = await person.create((await person.add_project()).project_id)
    watchers: list[tuple[str, asyncio.Task[list[str]]]] = []
    async with running.runner() as runner, asyncio.TaskGroup() as group:

        def watch_from(cursor: str, task_id: str) -> None:
            watchers.append((cursor, group.create_task(seen_until_completed(person, task_id, cursor))))

        ref = (await runner.take()).attempt
        for number in range(60):
            await runner.send(ref, *(step() for _ in range(10)))
            if number % 15 == 7:
                watch_from("", task.task_id)
                watch_from("", "")
                watch_from((await every_cursor(person, task.task_id))[-1], task.task_id)
        await runner.finish(ref)
    cursors = await every_cursor(person, task.task_id)
    assert len(cursors) > 600
    assert len(watchers) == 12
    for cursor, watcher in watchers:
        assert watcher.result() == cursors[cursors.index(cursor) + 1 :]


async def test_a_cursor_of_another_history_is_reset_and_the_watch_goes_on(running: Stack) -> None:
    person = await running.sign_in()
    project = await person.add_project()
    task = await person.create(project.project_id)
    head = (await person.events(task.task_id))[-1].cursor
    epoch, _, number = head.partition(".")
    for foreign in (f"ffffffff.{number}", f"{epoch}.{int(number) + 1000}"):
        watch = person.watch(task.task_id, foreign)
        reset = (await watch.next()).cursor
        assert int(reset.partition(".")[2]) >= int(number)
        assert (await watch.next()).cursor == reset
        added = await person.add_input(task.task_id, "more")
        while (await watch.next()).event.body.input_added.input_id != added.input.input_id:
            continue
        watch.cancel()


async def test_what_never_was_a_cursor_is_refused(running: Stack) -> None:
    person = await running.sign_in()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await person.watch("", "x").next()
    assert isinstance(from_rpc_error(refused.value), Invalid)


async def test_another_users_events_are_not_seen(running: Stack) -> None:
    ann, bob = await running.sign_in("octocat"), await running.sign_in("hubot")
    running.github.grant("hubot", "octocat/demo", "push")
    anns, bobs = await ann.add_project(), await bob.add_project()
    task = await ann.create(anns.project_id)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await bob.watch(task.task_id).next()
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    watch = bob.watch()
    assert await watch.until_caught_up() == []
    own = await bob.create(bobs.project_id)
    assert (await watch.next()).event.task_id == own.task_id
    watch.cancel()


async def test_a_stopping_scheduler_ends_its_streams_at_once(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        loop = asyncio.get_running_loop()
        async with stack(tmp_path / "data", github) as running:
            person = await running.sign_in()
            watches = [person.watch() for _ in range(20)]
            for watch in watches:
                await watch.until_caught_up()
            async with running.runner() as runner:
                await runner.send_request()
                began_s = loop.time()
                ends = asyncio.gather(
                    *(watch.next() for watch in watches), runner.watch.read(), runner.stream.read(),
                    return_exceptions=True,
                )  # fmt: skip
                await asyncio.sleep(0)
                await running.stop()
                for end in await ends:
                    assert isinstance(end, grpc.aio.AioRpcError), end
                    assert isinstance(from_rpc_error(end), Unavailable)
        assert loop.time() - began_s < 4
