"""What a runner's events say is stored beside them: messages, tool calls, content, and what became of the task."""

from dataclasses import replace

import pytest

from errand_common.errors import Invalid
from errand_common.values import AttemptPhase, Role, TaskStatus, WaitReason
from errand_scheduler.lifecycle.effects import (
    Effect,
    MessageAdded,
    PhaseReported,
    PrefixReplaced,
    PrefixSettled,
    ToolCallBegan,
    ToolCallEnded,
    UsageAdded,
    WaitBegan,
    WaitOver,
)
from errand_scheduler.lifecycle.waits import Wait
from errand_scheduler.store import blobs, messages, progress, tool_calls
from errand_scheduler.store.blobs import Blob
from errand_scheduler.store.messages import Message
from errand_scheduler.store.query import Query
from errand_scheduler.store.tool_calls import ToolCall
from errand_scheduler.store.usage import Usage
from tests.unit.scheduler.telling import of_attempt, refused, working
from tests.unit.scheduler.world import World, event

KINDS: Query[tuple[int | None, str]] = Query(
    "SELECT attempt_sequence, kind FROM events ORDER BY event_id", lambda row: (row["attempt_sequence"], row["kind"])
)


async def test_messages_of_one_batch_are_stored_beside_their_events_and_paid_together(world: World) -> None:
    holder = await working(world)
    known, unknown = Usage(input_tokens=3, output_tokens=5, cost_nanodollars=7), Usage(cost_nanodollars=None)
    first = [Message(world.ids.new("msg"), Role.ASSISTANT, b"[%d]" % place, usage=known) for place in range(2)]
    free = Message(world.ids.new("msg"), Role.USER, b"[2]")
    await world.told(holder, *(event(place, MessageAdded(each)) for place, each in enumerate([*first, free], 1)))
    task_id = (await world.attempt(holder.attempt_id)).task_id
    assert (await world.task(task_id)).usage == Usage(input_tokens=6, output_tokens=10, cost_nanodollars=14)
    stored = await world.reader.all(messages.between(task_id, after=0, last=1 << 60))
    assert [each.content for each in stored] == [b"[0]", b"[1]", b"[2]"]
    assert [each.event_id for each in stored] == [each.event_id for each in await of_attempt(world, holder)]
    priceless = [Message(world.ids.new("msg"), Role.ASSISTANT, b"[]", usage=usage) for usage in (unknown, known)]
    await world.told(holder, *(event(place, MessageAdded(each)) for place, each in enumerate(priceless, 4)))
    assert (await world.task(task_id)).usage == Usage(input_tokens=9, output_tokens=15, cost_nanodollars=None)


async def test_a_message_may_stand_in_the_place_of_others_which_stay_to_be_read(world: World) -> None:
    holder = await working(world)
    a, b, c, d, e = ids = [f"msg_{place}" for place in "abcde"]
    replaces = {c: b, e: a}
    added = [Message(each, Role.USER, b"[]", replaces_message_id=replaces.get(each, "")) for each in ids]
    task_id = (await world.attempt(holder.attempt_id)).task_id
    standing: list[list[str]] = []
    for number, message in enumerate(added, start=1):
        await world.told(holder, event(number, MessageAdded(message)))
        found = await world.reader.all(messages.between(task_id, after=0, last=1 << 60, standing=True))
        assert len(await world.reader.all(messages.sizes(task_id, after=0, limit=10, standing=True))) == len(found)
        standing.append([each.message_id for each in found])
    assert standing == [[a], [a, b], [a, c], [a, c, d], [e]]
    stored = await world.reader.all(messages.between(task_id, after=0, last=1 << 60))
    assert [(each.message_id, each.replaces_message_id) for each in stored] == [
        (each, replaces.get(each, "")) for each in ids
    ]


async def test_a_message_that_replaces_one_of_its_own_batch_is_taken(world: World) -> None:
    holder = await working(world)
    first, second = Message("msg_a", Role.USER, b"[]"), Message("msg_b", Role.USER, b"[]", replaces_message_id="msg_a")
    await world.told(holder, event(1, MessageAdded(first)), event(2, MessageAdded(second)))
    task_id = (await world.attempt(holder.attempt_id)).task_id
    stands = await world.reader.all(messages.between(task_id, after=0, last=1 << 60, standing=True))
    assert [each.message_id for each in stands] == ["msg_b"]


@pytest.mark.parametrize("named", ["msg_a", "msg_nobodys", "msg_b", "msg_c"])
async def test_what_replaces_no_message_of_its_task_is_refused_with_words(world: World, named: str) -> None:
    holder, other = await working(world), await working(world)
    await world.told(holder, event(1, MessageAdded(Message("msg_a", Role.USER, b"[]"))))
    stray = Message("msg_b", Role.USER, b"[]", replaces_message_id=named)
    later = Message("msg_c", Role.USER, b"[]")
    batch = [event(1, MessageAdded(stray)), event(2, MessageAdded(later))]
    with pytest.raises(Invalid, match=rf"msg_b is to take the place of {named}, which is no message of task tsk_"):
        await world.told(other, *batch)
    assert await of_attempt(world, other) == []


async def test_what_no_message_holds_is_paid_too(world: World) -> None:
    holder = await working(world)
    await world.told(holder, event(1, UsageAdded(Usage(input_tokens=3, output_tokens=5, cost_nanodollars=7))))
    task_id = (await world.attempt(holder.attempt_id)).task_id
    assert (await world.task(task_id)).usage == Usage(input_tokens=3, output_tokens=5, cost_nanodollars=7)


async def test_the_first_beginning_stays_until_another_model_goes_on(world: World) -> None:
    holder = await working(world)
    task_id = (await world.attempt(holder.attempt_id)).task_id
    stored = []
    effects: list[Effect] = [PrefixSettled(b"a"), PrefixSettled(b"b"), PrefixReplaced(b"c")]
    for number, effect in enumerate(effects, start=1):
        await world.told(holder, event(number, effect))
        stored.append(await world.reader.one(progress.prefix(task_id)))
    assert stored == [b"a", b"a", b"c"]


async def test_a_message_id_is_used_once(world: World) -> None:
    holder, other = await working(world), await working(world)
    message = Message("msg_1", Role.USER, b"[]")
    assert await refused(world, holder, event(1, MessageAdded(message)), event(2, MessageAdded(message))) == "INVALID"
    await world.told(holder, event(1, MessageAdded(message)))
    assert await refused(world, other, event(1), event(2, MessageAdded(message))) == "INVALID"
    assert await of_attempt(world, other) == []


async def test_a_tool_call_has_one_beginning_and_one_end_however_they_are_told(world: World) -> None:
    holder = await working(world)
    begun = ToolCall("toolu_1", "shell", b"{}")
    ended = ToolCall("toolu_1", "shell", b"", output=b'"first"', duration_us=5)
    again = ToolCall("toolu_1", "other", b"{1}", output=b'"second"', is_error=True, duration_us=6)
    alone = ToolCall("toolu_2", "shell", b"{2}", output=b"", duration_us=7)
    open_ = ToolCall("toolu_3", "shell", b"{3}")
    await world.told(holder, event(1, ToolCallBegan(begun)))
    await world.told(
        holder,
        event(2, ToolCallEnded(ended)),
        event(3, ToolCallEnded(again)),
        event(4, ToolCallEnded(alone)),
        event(5, ToolCallBegan(open_)),
        event(6, ToolCallEnded(replace(alone, input=b"{4}", output=b'"late"'))),
    )
    task_id = (await world.attempt(holder.attempt_id)).task_id
    stored = await world.reader.all(tool_calls.between(task_id, after=0, last=1 << 60))
    assert [(each.tool_call_id, each.tool_name, each.input, each.output) for each in stored] == [
        ("toolu_1", "shell", b"{}", b'"first"'),
        ("toolu_2", "shell", b"{2}", b""),
        ("toolu_3", "shell", b"{3}", None),
    ]
    ids = [each.event_id for each in await of_attempt(world, holder)]
    assert [each.event_id for each in stored] == [ids[0], ids[3], ids[4]]


LONG, SHORT = Blob("a" * 64, 70_000), Blob("b" * 64, 65_537)
REFERRING: list[Effect] = [
    MessageAdded(Message("msg_1", Role.USER, b"", content_blob=LONG)),
    ToolCallBegan(ToolCall("toolu_1", "shell", b"", input_blob=LONG)),
    ToolCallEnded(ToolCall("toolu_1", "shell", b"", output=b"", output_blob=LONG)),
]


@pytest.mark.parametrize("effect", REFERRING)
async def test_an_event_waits_for_the_content_that_it_refers_to(world: World, effect: Effect) -> None:
    holder = await working(world)
    await world.writer.write(lambda tx: blobs.insert(tx, SHORT))
    assert await refused(world, holder, event(1), event(2, effect)) == "BLOB_MISSING"
    assert await of_attempt(world, holder) == []
    await world.writer.write(lambda tx: blobs.insert(tx, LONG))
    assert await world.told(holder, event(1), event(2, effect)) == 2


async def test_content_of_another_length_is_refused(world: World) -> None:
    holder = await working(world)
    await world.writer.write(lambda tx: blobs.insert(tx, Blob(LONG.sha256, LONG.size_bytes + 1)))
    assert await refused(world, holder, event(1, REFERRING[0])) == "INVALID"


async def test_what_refers_to_content_is_read_with_its_hash_and_length(world: World) -> None:
    holder = await working(world)
    for blob in (LONG, SHORT):
        await world.writer.write(lambda tx, blob=blob: blobs.insert(tx, blob))  # type: ignore[misc]
    message = Message("msg_1", Role.USER, b"", content_blob=LONG)
    call = ToolCall("toolu_1", "shell", b"", output=b"", input_blob=SHORT, output_blob=LONG)
    await world.told(holder, event(1, MessageAdded(message)), event(2, ToolCallEnded(call)))
    task_id = (await world.attempt(holder.attempt_id)).task_id
    other_id = (await world.new_task()).task_id
    [said] = await world.reader.all(messages.between(task_id, after=0, last=1 << 60))
    [ran] = await world.reader.all(tool_calls.between(task_id, after=0, last=1 << 60))
    assert (said.content_blob, ran.input_blob, ran.output_blob) == (LONG, SHORT, LONG)
    for blob in (LONG, SHORT):
        assert await world.reader.one(blobs.of_task(task_id, blob.sha256)) == blob
        assert await world.reader.one(blobs.of_task(other_id, blob.sha256)) is None


async def test_the_schedulers_own_event_stands_right_behind_the_one_that_it_follows_from(world: World) -> None:
    holder = await working(world)
    wait = WaitBegan(Wait(reason=WaitReason.QUESTION, summary="which one?", resume_in_s=None))
    await world.told(
        holder,
        event(1, PhaseReported(AttemptPhase.RUNNING), kind="attempt_phase_changed"),
        event(2, wait, kind="wait_started"),
        event(3),
        event(4, WaitOver(), kind="wait_ended"),
        event(5),
    )
    assert (await world.reader.all(KINDS))[4:] == [
        (1, "attempt_phase_changed"),
        (2, "wait_started"),
        (None, "task_status_changed"),
        (3, "step_finished"),
        (4, "wait_ended"),
        (None, "task_status_changed"),
        (5, "step_finished"),
    ]
    task_id = (await world.attempt(holder.attempt_id)).task_id
    assert (await world.task(task_id)).status is TaskStatus.RUNNING


async def test_a_wait_that_begins_is_the_tasks(world: World) -> None:
    holder = await working(world)
    wait = WaitBegan(Wait(reason=WaitReason.QUOTA, summary="come back", resume_in_s=60.0))
    await world.told(holder, event(1, PhaseReported(AttemptPhase.RUNNING)), event(2, wait))
    task = await world.task((await world.attempt(holder.attempt_id)).task_id)
    assert (task.status, task.wait_reason, task.status_reason) == (TaskStatus.WAITING, WaitReason.QUOTA, "come back")
    assert task.resume_time == world.clock.now_us() + 60_000_000


async def test_a_wait_before_the_work_began_is_only_stored(world: World) -> None:
    holder = await working(world)
    wait = WaitBegan(Wait(reason=WaitReason.QUESTION, summary="which one?", resume_in_s=None))
    assert await world.told(holder, event(1, wait), event(2, WaitOver())) == 2
    task = await world.task((await world.attempt(holder.attempt_id)).task_id)
    assert task.status is TaskStatus.RUNNING
