"""The live socket replays, follows, and says when it cannot."""

import asyncio
from pathlib import Path

import pytest

from errand_common.errors import Denied, Exhausted
from errand_common.wire import event_json, to_json
from errand_gateway.live.limits import LiveLimits
from tests.unit.gateway.gateway_under_test import Running, running, settings
from tests.unit.gateway.live_client import live
from tests.unit.gateway.live_events import happen, murmur, whisper
from tests.unit.gateway.scheduler_double import SchedulerDouble, new_task


@pytest.fixture
def token(scheduler: SchedulerDouble) -> str:
    scheduler.tasks["tsk_1"] = new_task("tsk_1")
    scheduler.tasks["tsk_2"] = new_task("tsk_2")
    return scheduler.new_session()


async def test_it_says_hello_first(gateway: Running, token: str) -> None:
    async with live(gateway.live_url, token, greeted=False) as phone:
        assert await phone.hear() == {"type": "hello", "protocol": 1, "user_id": "usr_ada", "heartbeat_duration": 15.0}


async def test_a_subscription_replays_then_follows(gateway: Running, scheduler: SchedulerDouble, token: str) -> None:
    happen(scheduler, 2)
    async with live(gateway.live_url, token) as phone:
        await phone.say(type="subscribe", task_id="tsk_1", cursor="1.1")
        replayed = await phone.hear()
        caught_up = await phone.hear()
        murmur(scheduler, "I wi", offset=3)
        happen(scheduler)
        delta, followed = await phone.hear(), await phone.hear()

    assert replayed == {
        "type": "event",
        "task_id": "tsk_1",
        "event": event_json(scheduler.history.events[1]),
    }
    assert replayed["event"]["kind"] == "message_appended"
    assert caught_up == {"type": "caught_up", "task_id": "tsk_1", "cursor": "1.2"}
    assert delta == {
        "type": "delta",
        "task_id": "tsk_1",
        "delta": {"task_id": "tsk_1", "subject_id": "msg_2", "kind": "text", "text": "I wi", "offset": 3},
    }
    assert followed["event"]["cursor"] == "1.3"
    assert scheduler.asked("WatchEvents")[0].token == token


async def test_who_comes_in_the_middle_is_told_what_is_going_on(
    gateway: Running, scheduler: SchedulerDouble, token: str
) -> None:
    happen(scheduler, 2)
    going_on = [whisper(f"so far {number}", offset=number) for number in range(100)]
    scheduler.history.going_on = going_on
    async with live(gateway.live_url, token) as phone:
        await phone.say(type="subscribe", task_id="tsk_1", cursor="1.2")
        heard = [await phone.hear() for _ in range(101)]
        murmur(scheduler, "and on")
        assert (await phone.hear_kind("delta"))["delta"]["text"] == "and on"

    assert heard[0] == {"type": "caught_up", "task_id": "tsk_1", "cursor": "1.2"}
    assert heard[1:] == [
        {"type": "snapshot", "task_id": "tsk_1", "snapshot": to_json(snapshot)} for snapshot in going_on
    ]
    assert heard[8]["snapshot"] == {
        "task_id": "tsk_1",
        "subject_id": "msg_2",
        "kind": "text",
        "text": "so far 7",
        "offset": 7,
    }


async def test_one_socket_carries_many_tasks(gateway: Running, scheduler: SchedulerDouble, token: str) -> None:
    async with live(gateway.live_url, token) as phone:
        for task_id in ("tsk_1", "tsk_2", None):
            await phone.say(type="subscribe", task_id=task_id)
            await phone.hear_kind("caught_up")
        happen(scheduler, task_id="tsk_2")
        heard = [await phone.hear(), await phone.hear()]

    assert {said["task_id"] for said in heard} == {"tsk_2", None}
    assert {said["event"]["task_id"] for said in heard} == {"tsk_2"}


async def test_an_ended_subscription_is_silent(gateway: Running, scheduler: SchedulerDouble, token: str) -> None:
    async with live(gateway.live_url, token) as phone:
        await phone.say(type="subscribe", task_id="tsk_1")
        await phone.hear_kind("caught_up")
        await phone.say(type="unsubscribe", task_id="tsk_1")
        await scheduler.history.watchers(0)
        happen(scheduler)
        await phone.say(type="ping")
        assert (await phone.hear())["type"] == "heartbeat"


async def test_subscribing_again_starts_from_the_new_cursor(
    gateway: Running, scheduler: SchedulerDouble, token: str
) -> None:
    happen(scheduler, 3)
    async with live(gateway.live_url, token) as phone:
        await phone.say(type="subscribe", task_id="tsk_1", cursor="1.3")
        await phone.hear_kind("caught_up")
        await phone.say(type="subscribe", task_id="tsk_1", cursor="1.1")
        assert await phone.hear_cursors(2) == ["1.2", "1.3"]
        await phone.hear_kind("caught_up")
        happen(scheduler)
        assert await phone.hear_cursors(1) == ["1.4"], "only one of them is left"
        await phone.say(type="ping")
        await phone.hear_kind("heartbeat")


async def test_a_cursor_of_another_history_is_answered_with_a_reset(
    gateway: Running, scheduler: SchedulerDouble, token: str
) -> None:
    happen(scheduler, 2)
    async with live(gateway.live_url, token) as phone:
        await phone.say(type="subscribe", task_id="tsk_1", cursor="0.99")
        assert await phone.hear() == {"type": "reset", "task_id": "tsk_1", "cursor": "1.2"}
        happen(scheduler)
        assert await phone.hear_cursors(1) == ["1.3"]


async def test_a_scheduler_that_restarts_leaves_no_gap_and_repeats_nothing(
    gateway: Running, scheduler: SchedulerDouble, token: str
) -> None:
    before = happen(scheduler, 3)
    async with live(gateway.live_url, token) as phone:
        await phone.say(type="subscribe", task_id="tsk_1")
        heard = await phone.hear_cursors(3)
        await phone.hear_kind("caught_up")
        await scheduler.stop()
        error = await phone.hear_kind("error")
        meanwhile = happen(scheduler, 2)
        await scheduler.start()
        heard += await phone.hear_cursors(2)
        await phone.hear_kind("caught_up")
        after = happen(scheduler, 2)
        heard += await phone.hear_cursors(2)

    assert heard == before + meanwhile + after
    assert (error["reason"], error["task_id"], error["retrying"]) == ("UNAVAILABLE", "tsk_1", True)
    assert scheduler.history.opened == ["", "1.3"]


async def test_after_a_replay_of_nothing_a_watch_goes_on_from_where_it_had_caught_up(
    gateway: Running, scheduler: SchedulerDouble, token: str
) -> None:
    happen(scheduler, 4, task_id="tsk_2")
    async with live(gateway.live_url, token) as phone:
        await phone.say(type="subscribe", task_id="tsk_1")
        await phone.hear_kind("caught_up")
        scheduler.history.fail_watchers(Exhausted("you read too slowly"))
        await phone.hear_kind("error")
        await phone.hear_kind("caught_up")

    assert scheduler.history.opened == ["", "1.4"]


async def test_a_subscription_that_is_refused_ends_alone(
    gateway: Running, scheduler: SchedulerDouble, token: str
) -> None:
    async with live(gateway.live_url, token) as phone:
        await phone.say(type="subscribe", task_id="tsk_9")
        error = await phone.hear_kind("error")
        await phone.say(type="subscribe", task_id="tsk_1")
        await phone.hear_kind("caught_up")
        scheduler.history.fail_watchers(Denied("no longer yours"))
        denied = await phone.hear_kind("error")
        await phone.say(type="ping")
        await phone.hear_kind("heartbeat")

    assert error == {
        "type": "error",
        "reason": "NOT_FOUND",
        "detail": "there is no task tsk_9",
        "task_id": "tsk_9",
        "retrying": False,
    }
    assert (denied["reason"], denied["retrying"]) == ("DENIED", False)


async def test_a_revoked_session_is_told_and_closed(gateway: Running, scheduler: SchedulerDouble, token: str) -> None:
    async with live(gateway.live_url, token) as phone:
        await phone.say(type="subscribe")
        await phone.hear_kind("caught_up")
        scheduler.revoke(token)
        code, said = await phone.closed()

    assert code == 4401
    assert [message["reason"] for message in said] == ["UNAUTHENTICATED"]


async def test_a_message_that_makes_no_sense_is_answered_and_forgotten(gateway: Running, token: str) -> None:
    async with live(gateway.live_url, token) as phone:
        for message in (
            "",
            "hello",
            "[]",
            "{}",
            '{"type": "dance"}',
            '{"type": "subscribe", "task_id": 7}',
            '{"type": "subscribe", "task_id": ""}',
            '{"type": "subscribe", "task_id": "\\ud800"}',
            '{"type": "subscribe", "cursor": "' + "x" * 257 + '"}',
            '{"type": "authenticate", "token": "another-one"}',
            b"\x00\x01",
        ):
            await phone.connection.send(message)
            error = await phone.hear_kind("error")
            assert error["reason"] == "INVALID", message
            assert "another-one" not in str(error)


async def test_a_message_of_many_kilobytes_ends_the_socket(gateway: Running, token: str) -> None:
    async with live(gateway.live_url, token) as phone:
        await phone.say(type="ping", padding="x" * 20_000)
        code, _ = await phone.closed()

    assert code == 1009


async def test_it_beats_by_itself(tmp_path: Path, scheduler: SchedulerDouble, token: str) -> None:
    limits = LiveLimits(heartbeat_s=0.01)
    wanted = settings(tmp_path, scheduler.address)
    async with running(wanted, limits=limits) as gateway, live(gateway.live_url, token) as phone:
        assert [(await phone.hear())["type"] for _ in range(3)] == ["heartbeat"] * 3


async def test_a_socket_has_so_many_subscriptions_and_one_that_ended_makes_room(
    tmp_path: Path, scheduler: SchedulerDouble, token: str
) -> None:
    limits = LiveLimits(subscriptions=1)
    wanted = settings(tmp_path, scheduler.address)
    async with running(wanted, limits=limits) as gateway, live(gateway.live_url, token) as phone:
        await phone.say(type="subscribe", task_id="tsk_1")
        await phone.hear_kind("caught_up")
        await phone.say(type="subscribe", task_id="tsk_2")
        assert (await phone.hear_kind("error"))["reason"] == "EXHAUSTED"
        await phone.say(type="unsubscribe", task_id="tsk_1")
        await phone.say(type="subscribe", task_id="tsk_2")
        await phone.hear_kind("caught_up")


async def test_a_user_has_so_many_sockets_and_another_has_their_own(
    tmp_path: Path, scheduler: SchedulerDouble, token: str
) -> None:
    wanted = settings(tmp_path, scheduler.address)
    async with running(wanted, limits=LiveLimits(sockets=1)) as gateway, live(gateway.live_url, token):
        async with live(gateway.live_url, token, greeted=False) as second:
            assert (await second.closed())[0] == 4429
        async with live(gateway.live_url, scheduler.new_session("usr_bob")) as other:
            await other.say(type="ping")
            await other.hear_kind("heartbeat")


async def test_a_phone_that_left_makes_room(tmp_path: Path, scheduler: SchedulerDouble, token: str) -> None:
    limits = LiveLimits(sockets=1)
    async with running(settings(tmp_path, scheduler.address), limits=limits) as gateway:
        for _ in range(3):
            async with live(gateway.live_url, token) as phone:
                await phone.say(type="subscribe")
                await phone.hear_kind("caught_up")
            await scheduler.history.watchers(0)


async def test_a_phone_that_does_not_read_is_cut_off_and_resumes_by_cursor(
    tmp_path: Path, scheduler: SchedulerDouble, token: str
) -> None:
    limits = LiveLimits(send_s=0.2, goodbye_s=0.001)
    expected = happen(scheduler, 800, summary="x" * 16 * 1024)
    async with running(settings(tmp_path, scheduler.address), limits=limits) as gateway:
        async with live(gateway.live_url, token) as phone:
            await phone.say(type="subscribe", task_id="tsk_1")
            await scheduler.history.watchers(1)
            await scheduler.history.watchers(0)
            code, said = await phone.closed()
        heard = [message["event"]["cursor"] for message in said]
        assert code == 1013
        assert 0 < len(heard) < len(expected)

    # At a gateway that has more patience: this host may be busy.
    async with running(settings(tmp_path, scheduler.address)) as gateway, live(gateway.live_url, token) as phone:
        await phone.say(type="subscribe", task_id="tsk_1", cursor=heard[-1])
        heard += await phone.hear_cursors(len(expected) - len(heard))

    assert heard == expected


async def test_a_phone_that_keeps_reading_is_told_megabytes_and_not_cut_off(
    tmp_path: Path, scheduler: SchedulerDouble, token: str
) -> None:
    expected = happen(scheduler, 200, summary="x" * 16 * 1024)
    async with running(settings(tmp_path, scheduler.address)) as gateway, live(gateway.live_url, token) as phone:
        await phone.say(type="subscribe", task_id="tsk_1")
        assert await phone.hear_cursors(len(expected)) == expected


async def test_stopping_the_gateway_tells_phones_to_come_back(
    tmp_path: Path, scheduler: SchedulerDouble, token: str
) -> None:
    async with running(settings(tmp_path, scheduler.address)) as gateway:
        connecting = live(gateway.live_url, token)
        phone = await connecting.__aenter__()
        await phone.say(type="subscribe")
        await phone.hear_kind("caught_up")
    code, _ = await phone.closed()
    await connecting.__aexit__(None, None, None)
    async with asyncio.timeout(20):
        await scheduler.history.watchers(0)

    assert code == 1012
