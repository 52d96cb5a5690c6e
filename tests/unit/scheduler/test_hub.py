"""The hub: wakes who watches, keeps no more than a little for the slow."""

import asyncio

from errand_scheduler.hub import BUFFER_BYTES, Hub


async def test_only_those_concerned_are_woken() -> None:
    hub: Hub[str] = Hub()
    with (
        hub.subscribe(user_id="ann", task_id="", family_id="f") as everything,
        hub.subscribe(user_id="ann", task_id="t1", family_id="f") as one,
        hub.subscribe(user_id="ann", task_id="t2", family_id="f") as other,
        hub.subscribe(user_id="bob", task_id="", family_id="g") as stranger,
    ):
        hub.stored("ann", "t1")
        async with asyncio.timeout(5):
            await everything.wait()
            await one.wait()
        for subscription in (other, stranger):
            waiting = asyncio.ensure_future(subscription.wait())
            await asyncio.sleep(0)
            assert not waiting.done()
            waiting.cancel()


async def test_what_is_stored_before_the_wait_is_not_missed() -> None:
    hub: Hub[str] = Hub()
    with hub.subscribe(user_id="ann", task_id="t", family_id="f") as subscription:
        hub.stored("ann", "t")
        async with asyncio.timeout(5):
            await subscription.wait()


def test_deltas_are_for_those_who_follow_live_and_keep_up() -> None:
    hub: Hub[str] = Hub()
    with hub.subscribe(user_id="ann", task_id="t", family_id="f") as subscription:
        hub.delta("ann", "t", "too early", 9)
        subscription.live = True
        hub.delta("ann", "t", "a", BUFFER_BYTES - 1)
        hub.delta("ann", "t", "too much", 2)
        hub.delta("ann", "t", "b", 1)
        assert subscription.take_deltas() == ["a", "b"]
        hub.delta("ann", "t", "c", BUFFER_BYTES)
        assert subscription.take_deltas() == ["c"]


def test_the_end_of_a_session_ends_its_watches_alone() -> None:
    hub: Hub[str] = Hub()
    with (
        hub.subscribe(user_id="ann", task_id="", family_id="phone") as phone,
        hub.subscribe(user_id="ann", task_id="", family_id="web") as web,
    ):
        hub.end_family("phone")
        assert (phone.session_ended, web.session_ended) == (True, False)


def test_a_stop_ends_every_watch_those_that_come_late_too() -> None:
    hub: Hub[str] = Hub()
    with hub.subscribe(user_id="ann", task_id="", family_id="f") as early:
        hub.stop()
        assert early.over
    with hub.subscribe(user_id="ann", task_id="", family_id="f") as late:
        assert late.over
