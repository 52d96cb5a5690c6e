"""A runner's events: taken once, in order, byte for byte, all of a batch or nothing of it."""

import pytest

from errand_scheduler.store.notices import EventsDiffer, EventsStored
from tests.unit.scheduler.telling import of_attempt, refused, working
from tests.unit.scheduler.world import World, event


async def test_bodies_are_kept_byte_for_byte_whatever_is_in_them(world: World) -> None:
    holder = await working(world)
    bodies = [b"", b"\x00", b"\xff\xfe not UTF-8", b'[1, "quoted"]', bytes(range(256)) * 300, b"", "é\n".encode()]
    batch = [event(place, body=body) for place, body in enumerate(bodies, start=1)]
    assert await world.told(holder, *batch) == len(bodies)
    assert [each.body for each in await of_attempt(world, holder)] == bodies


async def test_a_long_batch_is_stored_in_order_and_told_once(world: World) -> None:
    holder = await working(world)
    heard = len(world.notices)
    assert await world.told(holder, *(event(place, body=b"%d" % place) for place in range(1, 2001))) == 2000
    stored = await of_attempt(world, holder)
    assert [each.body for each in stored] == [b"%d" % place for place in range(1, 2001)]
    assert [each.event_id for each in stored] == list(range(stored[0].event_id, stored[0].event_id + 2000))
    notices = [each for each in world.notices[heard:] if isinstance(each, EventsStored)]
    assert [list(each.events) for each in notices] == [stored]


async def test_batches_that_are_repeated_cut_and_shuffled_leave_one_whole_history(world: World) -> None:
    holder = await working(world)
    whole = [event(place, body=b"%d" % place) for place in range(1, 13)]
    slices = [whole[0:4], whole[6:9], whole[2:6], whole[8:12], whole[0:12], whole[4:7], whole[0:12]]
    for part in slices:
        before = (await world.attempt(holder.attempt_id)).acked_sequence
        if part[0].sequence > before + 1:
            assert await refused(world, holder, *part) == "EVENT_GAP"
        else:
            assert await world.told(holder, *part) == max(before, part[-1].sequence)
    assert [each.body for each in await of_attempt(world, holder)] == [each.body for each in whole]
    assert not [each for each in world.notices if isinstance(each, EventsDiffer)]


@pytest.mark.parametrize("wrong", [(2, 1), (1, 1), (1, 3), (1, 2, 4)])
async def test_a_batch_out_of_order_leaves_nothing(world: World, wrong: tuple[int, ...]) -> None:
    holder = await working(world)
    assert await refused(world, holder, *(event(place) for place in wrong)) == "EVENT_GAP"
    assert await of_attempt(world, holder) == []
    assert (await world.attempt(holder.attempt_id)).acked_sequence == 0


async def test_what_was_stored_first_stays_and_a_difference_is_told_once_for_a_batch(world: World) -> None:
    holder = await working(world)
    first = [event(place, body=body) for place, body in enumerate([b"one", b"two", b"three"], start=1)]
    again = [event(place, body=body) for place, body in enumerate([b"one", b"TWO", b"THREE", b"four"], start=1)]
    assert [await world.told(holder, *batch) for batch in (first, again)] == [3, 4]
    assert [each.body for each in await of_attempt(world, holder)] == [b"one", b"two", b"three", b"four"]
    assert [each for each in world.notices if isinstance(each, EventsDiffer)] == [
        EventsDiffer(attempt_id=holder.attempt_id, first_sequence=2, count=2)
    ]


async def test_after_the_end_what_is_stored_is_acknowledged_again_and_nothing_else_is_taken(world: World) -> None:
    holder = await working(world)
    await world.told(holder, event(1))
    await world.finished(holder)
    assert await world.told(holder, event(1)) == 1
    assert await refused(world, holder, event(2)) == "LEASE_SUPERSEDED"
