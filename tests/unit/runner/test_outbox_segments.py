"""What is acknowledged leaves the disk while its attempt goes on; what the next process needs of it stays."""

import asyncio
from pathlib import Path

import pytest

from errand.v1 import event_pb2, task_pb2
from errand.v1.runner_pb2 import AttemptEvent
from errand_runner.outbox import Disk, Outbox
from errand_runner.outbox.frames import frame, frames
from errand_runner.outbox.segments import paths
from tests.unit.runner.streaming import attempt, event

ATTEMPT, OTHER = attempt(0), attempt(1)
SEGMENT_BYTES = 2000


def outbox(folder):
    return Outbox(folder, segment_bytes=SEGMENT_BYTES)


def told(log):
    return [AttemptEvent.FromString(record.data).prefix.decode() for record in log.after(0, limit_bytes=1 << 30)]


def phase(number):
    changed = event_pb2.AttemptPhaseChanged(phase=number)
    return AttemptEvent(body=event_pb2.EventBody(attempt_phase_changed=changed))


def taken(*input_ids, content=b""):
    appended = event_pb2.MessageAppended(input_ids=input_ids)
    body = event_pb2.EventBody(message_appended=appended)
    return AttemptEvent(body=body, message=task_pb2.Message(content=content))


async def fill(log, *, acked):
    """Enough for some segments."""
    for _ in range(40):
        await log.append(event("x" * 200))
        if acked:
            log.ack(log.last_sequence)


def size(folder):
    return sum(path.stat().st_size for path in paths(folder))


async def test_what_is_acknowledged_goes_while_the_attempt_works(tmp_path):
    log = outbox(tmp_path).hold(ATTEMPT, 1)

    await fill(log, acked=True)

    assert size(tmp_path) < 2 * SEGMENT_BYTES
    assert log.last_sequence == 40


async def test_what_is_not_acknowledged_stays(tmp_path):
    box = outbox(tmp_path)
    log, other = box.hold(ATTEMPT, 1), box.hold(OTHER, 1)
    await other.append(event("kept"))

    await fill(log, acked=True)
    await other.append(event("too"))
    box.close()

    again = outbox(tmp_path)
    assert told(again.logs[OTHER]) == ["kept", "too"]
    assert size(tmp_path) < 3 * SEGMENT_BYTES


async def test_the_next_process_knows_how_far_an_attempt_was_that_it_has_no_event_of(tmp_path):
    box = outbox(tmp_path)
    log = box.hold(ATTEMPT, 3)
    await fill(log, acked=True)
    box.close()

    again = outbox(tmp_path)
    log = again.logs[ATTEMPT]
    assert log.acked_sequence > 30
    await log.append(event("next"))
    assert (log.fence, log.last_sequence) == (3, 41)


async def test_the_next_process_finds_what_was_taken_though_it_is_acknowledged(tmp_path):
    box = outbox(tmp_path)
    log = box.hold(ATTEMPT, 1)
    await log.append(phase(task_pb2.ATTEMPT_PHASE_RUNNING))
    await log.append(taken("inp_1", "inp_2", content=b"c" * 500))
    await fill(log, acked=True)
    box.close()

    (first, second, *_) = [AttemptEvent.FromString(each) for each in outbox(tmp_path).logs[ATTEMPT].recovered]
    assert first.body.attempt_phase_changed.phase == task_pb2.ATTEMPT_PHASE_RUNNING
    assert (list(second.body.message_appended.input_ids), second.message.content) == (["inp_1", "inp_2"], b"")


async def test_what_is_left_is_found_where_the_segment_before_it_is_gone(tmp_path):
    box = Outbox(tmp_path, segment_bytes=1)  # one for each event
    log = box.hold(ATTEMPT, 1)
    await log.append(event("acknowledged"))
    await log.append(event("sent"))
    log.ack(1)
    await log.append(event("last"))
    box.close()

    log = outbox(tmp_path).logs[ATTEMPT]
    assert told(log) == ["sent", "last"]
    assert log.last_sequence == 3


async def test_what_was_taken_is_found_by_every_later_process(tmp_path):
    box = outbox(tmp_path)
    log = box.hold(ATTEMPT, 1)
    await log.append(taken("inp_1"))
    for _ in range(3):
        await fill(box.logs[ATTEMPT], acked=True)
        box.close()
        box = outbox(tmp_path)

        first = AttemptEvent.FromString(box.logs[ATTEMPT].recovered[0])
        assert list(first.body.message_appended.input_ids) == ["inp_1"]


async def test_segments_that_only_a_refused_attempt_needed_go(tmp_path):
    box = outbox(tmp_path)
    log, other = box.hold(ATTEMPT, 1), box.hold(OTHER, 1)
    await fill(log, acked=False)

    log.refuse("no")
    await fill(other, acked=True)

    assert size(tmp_path) < 2 * SEGMENT_BYTES


async def test_only_one_segment_is_open_at_a_time(tmp_path):
    log = outbox(tmp_path).hold(ATTEMPT, 1)

    await fill(log, acked=False)

    assert len(paths(tmp_path)) > 3
    opened = [path.resolve() for path in Path("/proc/self/fd").iterdir() if path.exists()]
    assert [path for path in opened if path.parent == tmp_path] == [paths(tmp_path)[-1]]


async def test_of_a_segment_without_its_state_nothing_counts(tmp_path):
    box = outbox(tmp_path)
    await box.hold(ATTEMPT, 1).append(event("x"))
    box.close()
    (path,) = paths(tmp_path)
    whole, _ = frames(path.read_bytes())
    path.write_bytes(b"".join(frame(each) for each in whole[1:]))

    assert outbox(tmp_path).logs == {}


async def test_what_every_process_finds_is_the_same_whenever_it_ends(tmp_path):
    written: list[str] = []
    for _ in range(6):
        box = outbox(tmp_path)
        log = box.logs.get(ATTEMPT) or box.hold(ATTEMPT, 1)
        assert told(log) == written[log.acked_sequence :]
        for _ in range(7):
            written.append(f"{len(written)}" * 60)
            await log.append(event(written[-1]))
        log.ack(log.last_sequence - 3)
        box.close()

    assert outbox(tmp_path).logs[ATTEMPT].last_sequence == 42


async def test_what_stands_behind_segments_that_are_gone_is_found_whole(tmp_path):
    box = outbox(tmp_path)
    log = box.hold(ATTEMPT, 1)
    for number in range(40):
        await log.append(event(f"{number}" * 100))
        log.ack(number - 15)
    box.close()

    again = outbox(tmp_path).logs[ATTEMPT]
    assert len(paths(tmp_path)) < 10
    assert told(again)[-15:] == [f"{number}" * 100 for number in range(25, 40)]
    assert again.last_sequence == 40


async def test_what_was_written_later_under_a_number_counts(tmp_path):
    box = outbox(tmp_path)
    log = box.hold(ATTEMPT, 1)
    for text in ("1", "lost", "behind"):
        await log.append(event(text))
    box.close()
    (path,) = paths(tmp_path)
    whole = path.read_bytes()
    # It cannot be read for once: what is told under its numbers then is another thing.
    path.write_bytes(whole[: whole.index(b"lost")])
    box = outbox(tmp_path)
    await box.logs[ATTEMPT].append(event("2"))
    box.close()
    path.write_bytes(whole)

    assert told(outbox(tmp_path).logs[ATTEMPT]) == ["1", "2"]


@pytest.mark.parametrize("acked", [True, False])
async def test_a_segment_that_a_crash_kept_from_being_begun_is_as_none(tmp_path, acked):
    box = outbox(tmp_path)
    log = box.hold(ATTEMPT, 1)
    await fill(log, acked=acked)
    box.close()
    newest = paths(tmp_path)[-1]
    begun = newest.read_bytes()
    before = outbox(tmp_path).logs[ATTEMPT].last_sequence
    for length in range(0, 120, 7):
        torn = newest.with_name(f"{int(newest.stem) + 1:012d}.log")
        torn.write_bytes(begun[:length])

        assert outbox(tmp_path).logs[ATTEMPT].last_sequence == before
        torn.unlink()


class Counting(Disk):
    """Counts writes, each of which is a sync."""

    writes = 0

    def append(self, descriptor, offset, data):
        self.writes += 1
        super().append(descriptor, offset, data)


async def test_what_many_attempts_write_at_once_is_synced_once(tmp_path):
    disk = Counting()
    box = Outbox(tmp_path, disk=disk)
    logs = [box.hold(attempt(number), 1) for number in range(20)]
    await asyncio.gather(*(log.noted() for log in logs))
    noted = disk.writes

    await asyncio.gather(*(log.append(event("x")) for log in logs))

    # The first goes at once, the others together behind it.
    assert noted <= 2
    assert disk.writes - noted <= 2


async def test_what_is_to_be_written_soon_is_synced_with_what_follows(tmp_path):
    disk = Counting()
    box = Outbox(tmp_path, disk=disk)
    log = box.hold(attempt(0), 1)
    await log.noted()
    noted = disk.writes

    await log.append_soon(event("a"))
    await log.append_soon(event("b"))
    await log.append(event("c"))

    assert disk.writes - noted == 1
    box.close()
    assert outbox(tmp_path).logs[attempt(0)].last_sequence == 3


async def test_what_is_to_be_written_soon_is_written_though_nothing_follows(tmp_path):
    box = outbox(tmp_path)
    log = box.hold(attempt(0), 1)

    await log.append_soon(event("a"))
    assert log.last_sequence == 0
    await log.written()

    assert log.last_sequence == 1
