"""Watching: the replay and what follows it are one list without a gap."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from errand.v1 import event_pb2, runner_pb2, task_pb2, task_service_pb2
from errand_common.errors import Invalid, NotFound, Unavailable, from_rpc_error
from errand_common.wire import to_json
from tests.integration.refused import refusal
from tests.integration.scheduling import (
    Person,
    ScriptedRunner,
    Stack,
    Watch,
    github_with_repository,
    message_event,
    new_task,
    stack,
)
from tests.unit.gateway.gateway_under_test import running as gateway
from tests.unit.gateway.gateway_under_test import settings as gateway_settings
from tests.unit.gateway.live_client import live


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
    assert isinstance(await refusal(person.watch("", "x").next()), Invalid)


async def test_another_users_events_are_not_seen(running: Stack) -> None:
    ann, bob = await running.sign_in("octocat"), await running.sign_in("hubot")
    running.github.grant("hubot", "octocat/demo", "push")
    anns, bobs = await ann.add_project(), await bob.add_project()
    task = await ann.create(anns.project_id)
    assert isinstance(await refusal(bob.watch(task.task_id).next()), NotFound)
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


@dataclass
class Reply:
    """What the model says, bit by bit, then whole."""

    runner: ScriptedRunner
    ref: runner_pb2.AttemptRef
    task_id: str
    event: runner_pb2.AttemptEvent = field(default_factory=lambda: message_event(task_pb2.ROLE_ASSISTANT, b"[]"))
    said: str = ""

    def piece(self, text: str, offset: int) -> event_pb2.Delta:
        message_id = self.event.message.message_id
        return event_pb2.Delta(
            task_id=self.task_id, subject_id=message_id, kind=event_pb2.DELTA_KIND_TEXT, text=text, offset=offset
        )

    async def say(self, text: str) -> event_pb2.Delta:
        delta = self.piece(text, len(self.said))
        await self.runner.send_request(deltas=[delta])
        self.said += text
        return delta

    async def end(self) -> None:
        assert (await self.runner.send(self.ref, self.event)).error_reason == ""


async def test_who_comes_in_the_middle_is_shown_what_is_going_on_until_it_is_said(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        reply = Reply(runner, (await runner.take()).attempt, task.task_id)
        await reply.say("I will ")
        for task_id in (task.task_id, ""):
            await reply.say("go on, ")
            watch = person.watch(task_id)
            await watch.until_caught_up()
            shown = await watch.next()
            assert (shown.kind, shown.delta) == ("snapshot", reply.piece(reply.said, 0))
            said = await reply.say("and on, ")
            passed = await watch.next()
            assert (passed.kind, passed.delta) == ("delta", said)
            watch.cancel()
        await reply.end()
        late = person.watch(task.task_id)
        await late.until_caught_up()
        added = await person.add_input(task.task_id, "more")
        assert (await late.next()).event.body.input_added.input_id == added.input.input_id
        late.cancel()


async def test_a_phone_that_comes_in_the_middle_is_shown_it_too(running: Stack, tmp_path: Path) -> None:
    person, task = await new_task(running)
    credentials = running.data / "credentials" / "gateway"
    files = {"ERRAND_CA_FILE": str(credentials / "ca.pem"), "ERRAND_TOKEN_FILE": str(credentials / "token")}
    async with (
        running.runner() as runner,
        gateway(gateway_settings(tmp_path, running.address, **files)) as serving,
        live(serving.live_url, person.access_token) as phone,
    ):
        reply = Reply(runner, (await runner.take()).attempt, task.task_id)
        await reply.say("I will")
        cursor = (await person.events(task.task_id))[-1].cursor
        await phone.say(type="subscribe", task_id=task.task_id, cursor=cursor)
        await phone.hear_kind("caught_up")
        assert (await phone.hear_kind("snapshot"))["snapshot"] == to_json(reply.piece("I will", 0))
        said = await reply.say(" go on.")
        assert (await phone.hear_kind("delta"))["delta"] == to_json(said)
        await reply.end()
        appended = (await phone.hear_kind("event"))["event"]["detail"]
        assert appended["message_id"] == reply.event.message.message_id


async def test_who_reads_nothing_keeps_nobody_waiting_and_goes_on_where_it_was(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        reply = Reply(runner, ref, task.task_id)
        lazy = [person.watch(task.task_id) for _ in range(20)]
        for each in lazy:
            await each.until_caught_up()
        eager = person.watch(task.task_id)
        await eager.until_caught_up()
        for _ in range(40):
            await runner.send(ref, *(step() for _ in range(100)))
            await reply.say("x" * 15_000)
        await runner.finish(ref)
        cursors = [event.cursor for event in await until_completed(eager)]
        for each in lazy:
            assert [event.cursor for event in await until_completed(each)] == cursors


async def until_completed(watch: Watch) -> list[event_pb2.Event]:
    events = []
    while True:
        item = await watch.next()
        if item.kind == "event":
            events.append(item.event)
            if item.event.body.task_status_changed.status == task_pb2.TASK_STATUS_COMPLETED:
                watch.cancel()
                return events
