"""JSON for people's clients: the contract's names and words, nothing made up."""

import pytest

from errand.v1 import event_pb2, task_pb2
from errand_common import wire


def test_a_task_reads_as_the_contract_names_it():
    task = task_pb2.Task(
        task_id="tsk_1",
        status=task_pb2.TASK_STATUS_RUNNING,
        created_time=wire.timestamp(1_700_000_000_123_456),
        usage=task_pb2.Usage(input_tokens=7, cost_nanodollars=0),
    )

    shown = wire.to_json(task)

    assert shown["status"] == "running"
    assert shown["failure_reason"] == ""
    assert shown["created_time"] == "2023-11-14T22:13:20.123456Z"
    assert shown["usage"] == {
        "input_tokens": 7,
        "cache_write_tokens": 0,
        "cache_read_tokens": 0,
        "output_tokens": 0,
        "cost_nanodollars": 0,
    }
    assert "completed_time" not in shown
    assert "diff_stat" not in shown


def test_an_unknown_price_is_left_out_not_zero():
    assert "cost_nanodollars" not in wire.to_json(task_pb2.Usage(input_tokens=1))


def test_an_event_shows_its_kind_and_detail():
    finished = event_pb2.ToolCallFinished(tool_call_id="toolu_1", duration=wire.duration(1.5), is_error=True)
    event = event_pb2.Event(cursor="1.2", task_id="tsk_1", body=event_pb2.EventBody(tool_call_finished=finished))

    shown = wire.event_json(event)

    assert (shown["kind"], shown["cursor"]) == ("tool_call_finished", "1.2")
    assert isinstance(shown["detail"], dict)
    assert (shown["detail"]["duration"], shown["detail"]["is_error"]) == (1.5, True)
    assert "body" not in shown


def test_an_event_of_a_later_version_is_shown_as_unknown():
    assert wire.event_json(event_pb2.Event(cursor="1.3", body=event_pb2.EventBody()))["kind"] == "unknown"


def test_a_word_that_the_contract_lacks_is_an_error():
    with pytest.raises(KeyError):
        wire.number(task_pb2.TaskStatus, "resting")


def test_durations_come_back_as_they_went():
    sent = wire.duration(0.000123)

    assert sent is not None
    assert wire.seconds(sent) == pytest.approx(0.000123)
    assert wire.duration(None) is None
    assert wire.timestamp(None) is None
