"""An attempt that cannot go on says in the scheduler's own words why."""

import random

import pytest

from errand.v1.runner_pb2 import AttemptRef
from errand_common.errors import Conflict, NotFound
from errand_common.values import FailureReason
from errand_runner.attempt.conversation import stored_transcript
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
