"""What an attempt begins on is told where it is not what a person, or Claude, would think."""

import pytest

from errand.v1 import event_pb2, task_pb2
from errand.v1.runner_pb2 import AttemptEvent
from errand_runner.checkpoint import Found
from errand_runner.deltas import Deltas
from errand_runner.footing import CLONED, RESTORED, tell_footing
from errand_runner.outbox import Outbox
from errand_runner.record import Recorder
from errand_runner.workspace import Footing, Moved

ATTEMPT = "att_" + "0" * 26
TASK = task_pb2.Task(branch="errand/tsk_1", head_commit="a" * 40)
FOUND = Found(commit="c" * 40, head="a" * 40, branch_head="a" * 40, on_branch=True, merging=(), workspace_id="wsp_1")
RESTORED_EVENT = event_pb2.EventBody(
    workspace_restored=event_pb2.WorkspaceRestored(commit="c" * 40, head_commit="a" * 40)
)
LOST_EVENT = event_pb2.EventBody(workspace_restored=event_pb2.WorkspaceRestored())


@pytest.mark.parametrize(
    ("footing", "notes", "events"),
    [
        (Footing(fresh=False), [], []),
        (Footing(fresh=True, restored=FOUND), [RESTORED], [RESTORED_EVENT]),
        (Footing(fresh=True), [CLONED], []),
        (Footing(fresh=True, lost=True), [CLONED], [LOST_EVENT]),
    ],
    ids=["the workspace", "a checkpoint", "a clone", "a checkpoint that is gone"],
)
async def test_claude_and_the_person_are_told_what_became_of_the_files(tmp_path, footing, notes, events):
    assert await told(tmp_path, footing) == (notes, events)


async def test_how_far_the_branch_went_on_is_counted_for_both(tmp_path):
    notes, events = await told(tmp_path, Footing(fresh=False, moved=Moved("b" * 40, behind=2)))

    assert ["it has 2 commits there that your clone does not have" in note for note in notes] == [True]
    assert [(event.branch_moved.behind_count, event.branch_moved.recorded_commit) for event in events] == [
        (2, "a" * 40)
    ]


async def test_of_a_branch_that_was_removed_the_person_alone_is_told(tmp_path):
    notes, events = await told(tmp_path, Footing(fresh=False, moved=Moved("", behind=0)))

    assert notes == []
    assert [event.branch_moved.commit for event in events] == [""]


async def told(tmp_path, footing):
    box = Outbox(tmp_path / "outbox")
    try:
        recorder = Recorder(box.hold(ATTEMPT, 1), Deltas(box.changed), task_id="tsk_1")
        notes = await tell_footing(footing, TASK, recorder)
        records = box.logs[ATTEMPT].after(0, limit_bytes=1 << 20)
        return notes, [AttemptEvent.FromString(record.data).body for record in records]
    finally:
        box.close()
