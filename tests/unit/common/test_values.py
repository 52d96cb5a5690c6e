"""The closed sets agree with the contract, and what is shortened stays whole text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errand.v1 import error_pb2, task_pb2
from errand_common import errors, wire
from errand_common.values import SUMMARY_BYTES, AttemptPhase, FailureReason, Role, TaskStatus, UserRole, summarise


@pytest.mark.parametrize(
    ("words", "enum"),
    [
        (TaskStatus, task_pb2.TaskStatus),
        (AttemptPhase, task_pb2.AttemptPhase),
        (FailureReason, task_pb2.FailureReason),
        (Role, task_pb2.Role),
        (UserRole, task_pb2.UserRole),
    ],
)
def test_every_word_is_in_the_contract_and_the_other_way_round(words, enum):
    numbers = [value.number for value in enum.DESCRIPTOR.values if value.number != 0]

    assert [wire.number(enum, word) for word in words] == numbers
    assert [wire.word(enum, number) for number in numbers] == list(words)


def test_every_error_of_ours_has_a_reason_of_the_contract():
    names = error_pb2.ErrorReason.keys()

    for kind in errors.ErrandError.__subclasses__():
        assert f"ERROR_REASON_{kind.default_reason}" in names


def test_phases_rise_from_offer_to_end():
    ranks = [phase.rank for phase in AttemptPhase]

    assert ranks == sorted(ranks)
    assert [phase for phase in AttemptPhase if phase.final] == list(AttemptPhase)[5:]


@given(st.text(max_size=3000), st.booleans())
def test_a_summary_fits_and_keeps_the_end_that_was_asked_for(text, tail):
    summary = summarise(text, tail=tail)

    assert len(summary.encode()) <= SUMMARY_BYTES
    kept = summary.strip("…")
    assert text.endswith(kept) if tail else text.startswith(kept)
    if len(text.encode()) <= SUMMARY_BYTES:
        assert summary == text
