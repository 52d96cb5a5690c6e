"""Transient pieces: what waits together travels together, and what is lost can be seen."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from errand.v1.event_pb2 import DELTA_KIND_OUTPUT, DELTA_KIND_TEXT
from errand_runner.deltas import DELTA_CHARACTERS, DELTA_LIMIT, Deltas, Pieces

PLENTY = 1 << 30


def made():
    deltas = Deltas(asyncio.Event())
    return deltas, Pieces(deltas, task_id="tsk_1")


def test_neighbours_are_joined_and_keep_the_first_offset():
    deltas, pieces = made()
    pieces.add("msg_1", DELTA_KIND_TEXT, "I ")
    pieces.add("msg_1", DELTA_KIND_TEXT, "see.")
    pieces.add("toolu_1", DELTA_KIND_OUTPUT, "ok")
    pieces.add("msg_1", DELTA_KIND_TEXT, " Yes.")

    assert [(each.subject_id, each.text, each.offset) for each in deltas.take(limit_bytes=PLENTY)] == [
        ("msg_1", "I see.", 0),
        ("toolu_1", "ok", 0),
        ("msg_1", " Yes.", 6),
    ]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.text(max_size=9000)), max_size=40), st.integers(1, 50_000))
def test_pieces_put_in_order_are_the_text_and_none_is_too_large(said, limit_bytes):
    deltas, pieces = made()
    for subject, text in said:
        pieces.add(subject, DELTA_KIND_TEXT, text)
    taken = []
    while more := deltas.take(limit_bytes=max(limit_bytes, 17 * 1024)):
        assert sum(each.ByteSize() for each in more) <= max(limit_bytes, 17 * 1024)
        taken += more

    for subject in "ab":
        text = ""
        for each in taken:
            if each.subject_id == subject:
                assert each.offset == len(text)
                text += each.text
        assert text == "".join(piece for whose, piece in said if whose == subject)
    assert all(len(each.text.encode()) <= 16 * 1024 for each in taken)


def test_where_too_many_wait_the_oldest_fall_out_and_leave_a_hole():
    deltas, pieces = made()
    full = "x" * DELTA_CHARACTERS
    for _ in range(DELTA_LIMIT + 3):
        pieces.add("msg_1", DELTA_KIND_TEXT, full)

    taken = deltas.take(limit_bytes=PLENTY)
    assert len(taken) == DELTA_LIMIT
    assert taken[0].offset == 3 * DELTA_CHARACTERS


def test_a_piece_after_a_hole_is_not_joined_to_what_came_before_it():
    deltas, pieces = made()
    other, late = made()
    pieces.add("msg_1", DELTA_KIND_TEXT, "one")
    late.add("msg_1", DELTA_KIND_TEXT, "lost ")
    late.add("msg_1", DELTA_KIND_TEXT, "two")
    (last,) = other.take(limit_bytes=PLENTY)
    last.text, last.offset = "two", 8
    deltas.add(last)

    assert [(each.text, each.offset) for each in deltas.take(limit_bytes=PLENTY)] == [("one", 0), ("two", 8)]


def test_a_subject_that_is_over_is_forgotten():
    deltas, pieces = made()
    pieces.add("msg_1", DELTA_KIND_TEXT, "void")
    pieces.add("toolu_1", DELTA_KIND_OUTPUT, "out")
    pieces.end_messages()
    pieces.add("msg_1", DELTA_KIND_TEXT, "new")
    pieces.add("toolu_1", DELTA_KIND_OUTPUT, "put")
    pieces.end("toolu_1")
    pieces.add("toolu_1", DELTA_KIND_OUTPUT, "again")

    assert [(each.text, each.offset) for each in deltas.take(limit_bytes=PLENTY)] == [
        ("void", 0),
        ("out", 0),
        ("new", 0),
        ("put", 3),
        ("again", 0),
    ]
