"""The card of what a task's work came to: what its runner found, with what the scheduler knows."""

import pytest

from errand.v1 import event_pb2, runner_pb2, task_pb2
from errand_common.values import AttemptPhase, Role
from errand_common.wire import seconds
from errand_scheduler.lifecycle import turns
from errand_scheduler.lifecycle.effects import BranchPushed, CheckFinished, HostsBlocked, MessageAdded
from errand_scheduler.lifecycle.turns import AttemptEnd, Holder
from errand_scheduler.store import events, judgements, progress
from errand_scheduler.store.messages import Message
from errand_scheduler.store.tasks import DiffStat
from errand_scheduler.store.usage import Usage
from tests.unit.scheduler.world import DURATIONS, USER, World, event, kinds_told

COMMIT = "c" * 40
FAILED = task_pb2.CheckResult(outcome=task_pb2.CHECK_OUTCOME_FAILED, commit=COMMIT, exit_code=3, tail="no such module")
FOUND = runner_pb2.Finish(result="I mended it.", message_id="msg_1", commit=COMMIT, check=FAILED)


async def finish(world: World, holder: Holder, phase: AttemptPhase = AttemptPhase.SUCCEEDED) -> None:
    end = AttemptEnd(phase=phase, failure=None, reason="", last_sequence=0, finish=FOUND)
    await world.writer.write(lambda tx: turns.finish(tx, holder, end, DURATIONS))


async def card_of(world: World, task_id: str) -> task_pb2.FinishCard | None:
    found = await world.reader.one(judgements.task_with_card(task_id, USER))
    assert found is not None
    assert found[0].task_id == task_id
    return None if found[1] is None else task_pb2.FinishCard.FromString(found[1])


async def worked(world: World, task_id: str, *, cost: int | None = 1000) -> Holder:
    """An attempt that began after 10 s, pushed, was refused a host, and was at it for 30 s."""
    world.clock.move(10.0)
    holder = await world.running(task_id)
    await world.take_up(holder, task_id)
    usage = Usage(input_tokens=7, output_tokens=5, cost_nanodollars=cost)
    reply = Message(message_id=world.ids.new("msg"), role=Role.ASSISTANT, content=b"[]", usage=usage)
    await world.told(
        holder,
        event(3, MessageAdded(reply)),
        event(4, BranchPushed(COMMIT, DiffStat(files=1, insertions=2, deletions=3))),
        event(5, HostsBlocked(("api.example.com",))),
    )
    url = "https://github.test/o/r/pull/1"
    await world.writer.write(lambda tx: progress.set_pull_request(tx, task_id, url))
    world.clock.move(30.0)
    return holder


@pytest.mark.parametrize("cost", [1000, None])
async def test_a_card_says_all_that_is_known_and_no_more(world: World, cost: int | None) -> None:
    task_id = (await world.new_task()).task_id
    await finish(world, await worked(world, task_id, cost=cost))

    card = await card_of(world, task_id)

    assert card is not None
    assert (card.result, card.message_id, card.check) == ("I mended it.", "msg_1", FAILED)
    assert (card.branch, card.commit) == (f"errand/{task_id}", COMMIT)
    assert card.diff_stat == task_pb2.DiffStat(files=1, insertions=2, deletions=3)
    assert card.pull_request_url == "https://github.test/o/r/pull/1"
    assert card.usage == task_pb2.Usage(input_tokens=7, output_tokens=5, cost_nanodollars=cost)
    assert card.usage.HasField("cost_nanodollars") is (cost is not None)
    assert (seconds(card.wall_duration), seconds(card.work_duration)) == (30.0, 30.0)
    assert list(card.blocked_hosts) == ["api.example.com"]
    told = (await world.reader.all(events.of_task(task_id, after=0, limit=500)))[-3]
    assert event_pb2.EventBody.FromString(told.body).work_finished.card == card
    assert (await kinds_told(world, task_id))[-2:] == ["attempt_phase_changed", "task_status_changed"]


async def test_work_that_changed_nothing_has_no_diff(world: World) -> None:
    task_id = (await world.new_task()).task_id
    await finish(world, await world.running(task_id))

    card = await card_of(world, task_id)

    assert card is not None
    assert not card.HasField("diff_stat")
    assert card.pull_request_url == ""


async def test_every_follow_up_has_a_card_of_its_own_time(world: World) -> None:
    task_id = (await world.new_task()).task_id
    await finish(world, await worked(world, task_id))
    world.clock.move(7 * 24 * 3600.0)
    await world.input(task_id)
    waited = await world.hot_and_read(task_id)
    world.clock.move(5.0)
    await world.finished(waited, AttemptPhase.PARKED)
    world.clock.move(100.0)
    await world.input(task_id, "yes")
    holder = await world.running(task_id)
    world.clock.move(20.0)
    await finish(world, holder)

    card = await card_of(world, task_id)

    assert card is not None
    assert (seconds(card.wall_duration), seconds(card.work_duration)) == (125.0, 25.0)
    assert (await kinds_told(world, task_id)).count("work_finished") == 2


async def test_what_was_stopped_has_no_card_whatever_its_runner_says(world: World) -> None:
    task_id = (await world.new_task()).task_id
    holder = await worked(world, task_id)
    await world.stopped(task_id)
    await finish(world, holder)

    assert (await world.task(task_id)).status == "cancelled"
    assert await card_of(world, task_id) is None
    assert "work_finished" not in await kinds_told(world, task_id)


async def test_the_next_attempt_is_told_what_the_check_said_last(world: World) -> None:
    task_id = (await world.new_task()).task_id
    holder = await world.running(task_id)
    passed = task_pb2.CheckResult(outcome=task_pb2.CHECK_OUTCOME_PASSED)
    for sequence, result in enumerate((FAILED, passed), start=2):
        await world.told(holder, event(sequence, CheckFinished(result.SerializeToString())))
    await finish(world, holder)

    stored = await world.reader.all(judgements.checks_among([task_id, "tsk_2"]))

    assert [(each, task_pb2.CheckResult.FromString(result)) for each, result in stored] == [(task_id, passed)]
