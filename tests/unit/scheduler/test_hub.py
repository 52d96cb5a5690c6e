"""Watchers are woken for what concerns them, share what they are sent, and see no text twice or with a hole in it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

from errand.v1 import event_pb2
from errand_scheduler.watching.feed import (
    ALL_BYTES,
    DELTA_BYTES,
    KEPT_S,
    MESSAGE_BYTES,
    PAUSE_S,
    SPARE,
    Budget,
    Feed,
    Piece,
)
from errand_scheduler.watching.hub import Hub
from tests.unit.scheduler.leaping import leaping
from tests.unit.scheduler.watched import (
    ANN,
    BOB,
    OUTPUT,
    Screen,
    ended,
    follow,
    new_hub,
    pass_on,
    piece,
    row,
    said,
)


@asynccontextmanager
async def watching(hub: Hub, task_id: str = "", head: int = 0) -> AsyncIterator[Screen]:
    screen = Screen()
    with hub.subscribe(user_id=ANN, task_id=task_id) as subscription:
        screen.begin(subscription.join(head))
        follower = asyncio.ensure_future(follow(subscription, screen))
        await asyncio.sleep(0)
        try:
            yield screen
        finally:
            if follower.done():
                follower.result()
            follower.cancel()


def test_only_those_concerned_are_woken() -> None:
    async def scene() -> None:
        hub = new_hub()
        with (
            hub.subscribe(user_id=ANN, task_id="") as everything,
            hub.subscribe(user_id=ANN, task_id="t1") as one,
            hub.subscribe(user_id=ANN, task_id="t2") as other,
            hub.subscribe(user_id=BOB, task_id="") as stranger,
        ):
            hub.stored(ANN, "t1", [row(1, task_id="t1")])
            await everything.wait()
            await one.wait()
            for subscription in (other, stranger):
                waiting = asyncio.ensure_future(subscription.wait())
                await asyncio.sleep(PAUSE_S)
                assert not waiting.done()
                waiting.cancel()

    leaping(scene())


def test_an_idle_watcher_is_told_at_once_and_a_busy_one_once_in_a_while() -> None:
    async def scene() -> list[tuple[float, int]]:
        hub = new_hub()
        async with watching(hub) as screen:
            for event_id in range(1, 301):
                hub.stored(ANN, "t", [row(event_id)])
                await asyncio.sleep(0.001)
            await asyncio.sleep(1)
            hub.stored(ANN, "t", [row(301)])
            await asyncio.sleep(0)
            await asyncio.sleep(0.0001)
            assert screen.event_ids == list(range(1, 302))
            return screen.messages

    messages = leaping(scene())
    assert messages[0][0] < 0.001
    assert len(messages) == SPARE + 5
    assert messages[SPARE][0] < PAUSE_S
    for (before_s, _), (after_s, _) in pairwise(messages[SPARE + 1 :]):
        assert after_s - before_s >= PAUSE_S * 0.999


def test_those_who_keep_up_are_sent_the_very_same_message() -> None:
    async def scene() -> None:
        hub = new_hub()
        with (
            hub.subscribe(user_id=ANN, task_id="") as one,
            hub.subscribe(user_id=ANN, task_id="") as other,
        ):
            one.join(0)
            other.join(0)
            for event_id in range(1, 10):
                hub.stored(ANN, "t", [row(event_id)])
                await asyncio.sleep(PAUSE_S)
                pieces = one.next(), other.next()
                assert pieces[0] is not None
                assert pieces[0].response is not None
                assert pieces[0] is pieces[1]

    leaping(scene())


def test_output_is_sent_after_the_event_that_it_came_after() -> None:
    async def scene() -> None:
        hub = new_hub()
        with hub.subscribe(user_id=ANN, task_id="t") as watcher:
            watcher.join(0)
            pass_on(hub, piece("m", "words", 0))
            hub.stored(ANN, "t", [row(1)])
            pass_on(hub, piece("c", "output", 0, kind=OUTPUT))
            heard: list[str] = []
            while len(heard) < 3:
                await watcher.wait()
                response = present(watcher.next()).response
                assert response is not None
                heard += [each.text for each in response.deltas] + [each.cursor for each in response.events]
            assert heard == ["words", "e0.1", "output"]

    leaping(scene())


def test_what_was_said_whole_before_its_pieces_could_be_sent_is_not_said_in_pieces() -> None:
    async def scene() -> None:
        hub = new_hub()
        async with watching(hub) as screen:
            hub.stored(ANN, "t", [row(1)])
            pass_on(hub, piece("m", "words", 0))
            hub.stored(ANN, "t", [row(2, said("m"))])
            await asyncio.sleep(3 * PAUSE_S)
            assert screen.event_ids == [1, 2]
            assert not screen.texts

    leaping(scene())


def present(found: Piece | None) -> Piece:
    assert found is not None
    return found


def test_more_than_a_message_holds_comes_in_several() -> None:
    async def scene() -> None:
        hub = new_hub()
        big = event_pb2.EventBody(git_delayed=event_pb2.GitDelayed(reason="x" * 40_000))
        with hub.subscribe(user_id=ANN, task_id="") as watcher:
            watcher.join(0)
            for event_id in range(1, 11):
                hub.stored(ANN, "t", [row(event_id, big)])
            await watcher.wait()
            counts = []
            while (found := present(watcher.next())).response is not None:
                assert found.response.ByteSize() <= MESSAGE_BYTES
                counts.append(len(found.response.events))
            assert counts == [3, 3, 3, 1]

    leaping(scene())


def test_who_does_not_keep_up_loses_deltas_and_is_sent_to_the_database() -> None:
    async def scene() -> None:
        hub = new_hub()
        with hub.subscribe(user_id=ANN, task_id="") as slow:
            slow.join(0)
            for number in range(1000):
                pass_on(hub, piece("m", "x" * 1000, number * 1000))
            assert hub.kept_bytes <= 4 * DELTA_BYTES
            await slow.wait()
            found = present(slow.next()).response
            assert found is not None
            assert DELTA_BYTES - 2000 < sum(each.ByteSize() for each in found.deltas) <= DELTA_BYTES
            assert found.deltas[-1].offset == 999_000
            hub.stored(ANN, "t", [row(1)])
            await asyncio.sleep(3 * KEPT_S)
            assert slow.next() is None
            slow.paged(1)
            assert present(slow.next()).response is None

    leaping(scene())


def test_what_is_kept_in_memory_is_bounded_and_given_back() -> None:
    async def scene() -> None:
        hub = new_hub()
        big = event_pb2.EventBody(git_delayed=event_pb2.GitDelayed(reason="x" * 100_000))
        with hub.subscribe(user_id=ANN, task_id="") as watcher:
            watcher.join(0)
            for event_id in range(1, 1001):
                hub.stored(ANN, "t", [row(event_id, big)])
                assert hub.kept_bytes <= ALL_BYTES
            assert hub.kept_bytes > ALL_BYTES // 2
            await watcher.wait()
            assert watcher.next() is None
            watcher.paged(watcher.visible - 1)
            found = present(watcher.next()).response
            assert found is not None
            assert [each.cursor for each in found.events] == ["e0.1000"]
        assert hub.kept_bytes == 0
        with hub.subscribe(user_id=ANN, task_id=""):
            hub.stored(ANN, "t", [row(1001)])
            assert hub.kept_bytes > 0
            await asyncio.sleep(3 * KEPT_S)
            assert hub.kept_bytes == 0

    leaping(scene())


def test_a_watcher_of_a_quiet_task_need_not_read_the_database_when_it_speaks() -> None:
    async def scene() -> None:
        hub = new_hub()
        async with watching(hub, "quiet") as screen:
            for event_id in range(1, 100):
                hub.stored(ANN, "busy", [row(event_id, task_id="busy")])
                await asyncio.sleep(KEPT_S / 10)
            hub.stored(ANN, "quiet", [row(100, task_id="quiet")])
            await asyncio.sleep(PAUSE_S)
            assert screen.event_ids == [100]

    leaping(scene())


def test_a_reader_who_sees_an_event_before_it_is_told_is_shown_nothing_that_it_covers() -> None:
    async def scene() -> None:
        hub = new_hub(head=7)
        pass_on(hub, piece("m1", "said", 0))
        with hub.subscribe(user_id=ANN, task_id="t") as watcher:
            watcher.replayed([row(7, ended())])
            assert [each.subject_id for each in watcher.join(7)] == ["m1"]
            watcher.replayed([row(8, said("m1"))])
            assert watcher.join(8) == []

    leaping(scene())


def test_when_the_scheduler_stops_every_watch_ends() -> None:
    hub = new_hub()
    with hub.subscribe(user_id=ANN, task_id="") as watching_before:
        hub.stop()
        assert watching_before.over
    with hub.subscribe(user_id=BOB, task_id="") as watching_after:
        assert watching_after.over


def test_what_is_old_is_kept_nowhere() -> None:
    async def scene() -> None:
        feed, content = Feed(Budget(), floor=0, on_flush=lambda before, tasks: None), bytes(1000)
        held = sys.getrefcount(content)
        feed.stored("t", [(1, content)])
        assert sys.getrefcount(content) > held
        await asyncio.sleep(2 * KEPT_S)
        assert sys.getrefcount(content) == held

    leaping(scene())
