"""What is going on is kept until a durable event covers it, and never grows without end."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errand.v1 import event_pb2, task_pb2
from errand_scheduler.watching.open_blocks import KEPT_BYTES, OpenBlocks, covered_by
from tests.unit.scheduler.watched import (
    OUTPUT,
    STEP,
    TEXT,
    THINKING,
    delayed,
    ended,
    piece,
    ran,
    said,
    step,
    step_finished,
    step_started,
)

ANN = "ann"
EVERYTHING = 1 << 30


def shown(blocks: OpenBlocks, task_id: str = "t", user_id: str = ANN) -> dict[tuple[str, int], tuple[int, str]]:
    return {
        (each.subject_id, int(each.kind)): (each.offset, each.text)
        for each in blocks.snapshots(user_id, task_id, limit_bytes=EVERYTHING)
    }


def cover(blocks: OpenBlocks, body: event_pb2.EventBody, task_id: str = "t") -> None:
    covered = covered_by(body)
    if covered is not None:
        blocks.cover(task_id, covered)


def test_pieces_of_a_block_are_one_text() -> None:
    blocks = OpenBlocks()
    assert blocks.add(ANN, piece("m", "I wi", 0))
    assert blocks.add(ANN, piece("m", "hm", 0, kind=THINKING))
    assert blocks.add(ANN, piece("m", "ll", 4))
    assert shown(blocks) == {("m", TEXT): (0, "I will"), ("m", THINKING): (0, "hm")}


def test_a_piece_that_comes_twice_is_kept_once() -> None:
    blocks = OpenBlocks()
    for text, offset in (("abc", 0), ("abc", 0), ("cde", 2), ("b", 1)):
        blocks.add(ANN, piece("m", text, offset))
    assert shown(blocks) == {("m", TEXT): (0, "abcde")}


def test_after_a_hole_the_block_begins_anew() -> None:
    blocks = OpenBlocks()
    blocks.add(ANN, piece("m", "abc", 0))
    blocks.add(ANN, piece("m", "xyz", 10))
    assert shown(blocks) == {("m", TEXT): (10, "xyz")}


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["a", "é", "€", "😀"]), st.integers(1, 6000)), max_size=12))
def test_of_a_long_block_the_end_is_kept_and_its_place_is_right(runs: list[tuple[str, int]]) -> None:
    blocks = OpenBlocks()
    whole = ""
    for character, length in runs:
        text = f"{character * length}{len(whole)}"
        blocks.add(ANN, piece("m", text, len(whole)))
        whole += text
    for offset, text in shown(blocks).values():
        assert len(text.encode()) <= KEPT_BYTES
        assert len(text.encode()) > KEPT_BYTES - 4 or offset == 0
        assert whole[offset:] == text


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (step(), {"m1", "m2", "c1"}),
        (said("m1"), {"m2", "c1"}),
        (said("m2"), {"c1"}),
        (ran("c1"), {"m1", "m2"}),
        (ran("c2"), {"m1", "m2", "c1"}),
        (delayed(), {"c1"}),
        (event_pb2.EventBody(reply_dropped=event_pb2.ReplyDropped(message_id="m1")), {"c1"}),
        (event_pb2.EventBody(conversation_shortened=event_pb2.ConversationShortened(message_id="m0")), {"c1"}),
        (event_pb2.EventBody(sandbox_adopted=event_pb2.SandboxAdopted(sandbox_id="sbx_1")), {"c1"}),
        (ended(task_pb2.ATTEMPT_PHASE_STOPPING), {"m1", "m2", "c1"}),
        (ended(task_pb2.ATTEMPT_PHASE_PARKED), set()),
    ],
)
def test_an_event_covers_its_own_and_nothing_else(body: event_pb2.EventBody, left: set[str]) -> None:
    blocks = OpenBlocks()
    for message_id in ("m1", "m2"):
        blocks.add(ANN, piece(message_id, "words", 0))
        blocks.add(ANN, piece(message_id, "thoughts", 0, kind=THINKING))
    blocks.add(ANN, piece("c1", "output", 0, kind=OUTPUT))
    blocks.add(ANN, piece("m1", "of another task", 0, task_id="u"))
    cover(blocks, body)
    assert {subject_id for subject_id, _ in shown(blocks)} == left
    assert shown(blocks, "u") == {("m1", TEXT): (0, "of another task")}


def test_a_piece_of_what_is_covered_comes_too_late() -> None:
    blocks = OpenBlocks()
    blocks.add(ANN, piece("m1", "words", 0))
    blocks.add(ANN, piece("c1", "output", 0, kind=OUTPUT))
    cover(blocks, said("m1"))
    cover(blocks, ran("c1"))
    assert not blocks.add(ANN, piece("m1", " more", 5))
    assert not blocks.add(ANN, piece("c1", "output", 0, kind=OUTPUT))
    assert blocks.add(ANN, piece("m2", "next", 0))
    assert shown(blocks) == {("m2", TEXT): (0, "next")}


def test_the_words_of_the_next_try_may_overtake_the_delay_before_it() -> None:
    blocks = OpenBlocks()
    blocks.add(ANN, piece("m1", "void", 0))
    blocks.add(ANN, piece("m2", "next", 0))
    cover(blocks, delayed())
    assert blocks.add(ANN, piece("m2", " try", 4))
    assert shown(blocks) == {("m2", TEXT): (4, " try")}


def test_all_of_a_users_tasks_are_shown_together_and_nobody_elses() -> None:
    blocks = OpenBlocks()
    blocks.add(ANN, piece("m1", "one", 0, task_id="t"))
    blocks.add(ANN, piece("m2", "two", 0, task_id="u"))
    blocks.add("bob", piece("m3", "three", 0, task_id="v"))
    assert {text for _, text in shown(blocks, "").values()} == {"one", "two"}
    assert shown(blocks, "v") == {}


def test_a_task_keeps_only_its_latest_blocks() -> None:
    blocks = OpenBlocks()
    for number in range(100):
        blocks.add(ANN, piece(f"c{number:03}", "output", 0, kind=OUTPUT))
    assert list(shown(blocks)) == [(f"c{number:03}", OUTPUT) for number in range(84, 100)]


def test_all_blocks_together_are_bounded_and_the_stillest_go_first() -> None:
    blocks = OpenBlocks()
    size = 8 * 1024
    blocks.add(ANN, piece("m", "still", 0, task_id="still"))
    for number in range(2000):
        blocks.add(ANN, piece("m", "x" * size, 0, task_id=f"t{number}"))
        blocks.add(ANN, piece("m", "kept going", number * 10, task_id="busy"))
    kept = blocks.snapshots(ANN, "", limit_bytes=EVERYTHING)
    total = sum(len(each.text.encode()) for each in kept)
    assert 7 * 1024 * 1024 < total <= 8 * 1024 * 1024
    tasks = {each.task_id for each in kept}
    assert {"busy", "t1999"} <= tasks
    assert not {"still", "t0"} & tasks


def test_a_snapshot_that_would_be_too_much_leaves_out_the_stillest() -> None:
    blocks = OpenBlocks()
    for number in range(3):
        blocks.add(ANN, piece(f"m{number}", "x" * 100, 0))
    taken = blocks.snapshots(ANN, "t", limit_bytes=250)
    assert [each.subject_id for each in taken] == ["m1", "m2"]


def test_what_a_step_prints_is_open_until_the_step_ends() -> None:
    blocks = OpenBlocks()
    cover(blocks, step_started("stp_1"))
    blocks.add(ANN, piece("stp_1", "Receiving objects: 10%", 0, kind=STEP))
    cover(blocks, said("msg_9"))
    assert shown(blocks) == {("stp_1", STEP): (0, "Receiving objects: 10%")}
    cover(blocks, step_finished("stp_1"))
    assert shown(blocks) == {}
    assert not blocks.add(ANN, piece("stp_1", "late", 22, kind=STEP))


def test_a_step_that_is_begun_anew_makes_the_one_before_void() -> None:
    blocks = OpenBlocks()
    blocks.add(ANN, piece("stp_1", "half of it", 0, kind=STEP))
    blocks.add(ANN, piece("stp_2", "ahead of its start", 0, kind=STEP))
    cover(blocks, step_started("stp_2"))
    assert shown(blocks) == {("stp_2", STEP): (0, "ahead of its start")}


def test_a_step_that_prints_nothing_covers_nothing() -> None:
    blocks = OpenBlocks()
    blocks.add(ANN, piece("stp_1", "still going", 0, kind=STEP))
    cover(blocks, step())
    assert shown(blocks) == {("stp_1", STEP): (0, "still going")}
