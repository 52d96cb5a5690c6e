"""An attempt that cannot go on says in the scheduler's own words why."""

import random

import pytest

from errand.v1.runner_pb2 import AttemptRef
from errand_common.disk import GIB, Room
from errand_common.errors import Conflict, NotFound
from errand_common.values import FailureReason
from errand_runner.attempt.conversation import stored_transcript
from errand_runner.attempt.story import check_room
from errand_runner.dispatch import Dispatch
from errand_runner.ending import AttemptFailed
from tests.unit.runner.scheduler_double import SchedulerDouble, serving


@pytest.mark.parametrize("kind", [Conflict, NotFound])
async def test_a_conversation_that_is_no_longer_whole_fails_the_attempt_with_words(kind):
    class Cleaned(SchedulerDouble):
        async def GetTranscript(self, request, context):
            for piece in self.transcript:
                yield piece
            raise kind("the content is deleted: create a new task")

    async with serving(Cleaned()) as stub:
        dispatch = Dispatch(stub, "token", random.Random(0))
        dispatch.enter("ses_1")
        with pytest.raises(AttemptFailed, match="the content is deleted: create a new task") as failed:
            await stored_transcript(dispatch, AttemptRef(attempt_id="att_1", fence=1))

    assert failed.value.reason is FailureReason.INTERNAL


async def test_an_attempt_that_finds_no_room_fails_with_what_is_lacking_and_what_to_do(tmp_path):
    await check_room(Room((tmp_path,), GIB, free_bytes=lambda _: GIB))
    with pytest.raises(AttemptFailed) as failed:
        await check_room(Room((tmp_path,), GIB, free_bytes=lambda _: GIB // 2))

    assert failed.value.reason is FailureReason.DISK
    assert str(failed.value) == (
        f"the disk of {tmp_path} is nearly full: 512.0 MiB are free, ERRAND_MIN_FREE_BYTES asks for 1.0 GiB; free some"
        " (`docker system df` tells what Docker holds) or lower ERRAND_MIN_FREE_BYTES, then send the task on"
    )
