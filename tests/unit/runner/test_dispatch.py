"""What attempts ask of the scheduler is asked until it is answered, and no longer; what it wants is heard."""

import hashlib
import random

import pytest

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1 import task_pb2
from errand.v1.runner_pb2 import VERDICT_STOP, AttemptOutcome, AttemptRef, AttemptVerdict, Directives
from errand_common.errors import Exhausted, Internal, Unavailable, Unimplemented
from errand_runner.dispatch import Dispatch
from tests.unit.runner.scheduler_double import SchedulerDouble, serving
from tests.unit.runner.streaming import Hasty, attempt

REF = AttemptRef(attempt_id=attempt(0), fence=1)
LONG = b"[" + b"1," * 1_200_000 + b"1]"
OTHER = b'"' + b"o" * 70_000 + b'"'


def blob(content):
    return task_pb2.Blob(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


def chunks(content, *, size=1 << 20):
    return [
        pb.GetTranscriptResponse(blob_chunk=pb.BlobChunk(sha256=blob(content).sha256, data=content[at : at + size]))
        for at in range(0, len(content), size)
    ]


def message(**fields):
    return pb.GetTranscriptResponse(message=task_pb2.Message(message_id="msg_1", **fields))


def call(**fields):
    return pb.GetTranscriptResponse(tool_call=task_pb2.ToolCall(tool_call_id="toolu_1", **fields))


async def transcript(*pieces):
    double = SchedulerDouble()
    double.transcript = list(pieces)
    async with serving(double) as stub:
        dispatch = Dispatch(stub, "token", random.Random(0))
        dispatch.enter("ses_1")
        return await dispatch.transcript(REF)


async def test_long_content_comes_back_in_its_place():
    found = await transcript(
        pb.GetTranscriptResponse(prefix=b"prefix"),
        message(content=b"[]"),
        message(content_blob=blob(LONG)),
        *chunks(LONG),
        call(input_blob=blob(OTHER), output_blob=blob(LONG)),
        *chunks(OTHER, size=1000),
        *chunks(LONG),
        call(input=b"{}", output_blob=blob(OTHER)),
        *chunks(OTHER),
    )

    assert found == [
        pb.GetTranscriptResponse(prefix=b"prefix"),
        message(content=b"[]"),
        message(content=LONG),
        call(input=OTHER, output=LONG),
        call(input=b"{}", output=OTHER),
    ]


@pytest.mark.parametrize(
    "pieces",
    [
        [message(content_blob=blob(OTHER))],
        [message(content_blob=blob(OTHER)), message(content=b"[]")],
        [message(content_blob=blob(OTHER)), *chunks(OTHER, size=1000)[:-1]],
        [message(content_blob=blob(OTHER)), *chunks(LONG)],
        [message(content=b"[]"), *chunks(OTHER)],
        [message(content_blob=blob(OTHER)), *chunks(OTHER), *chunks(OTHER)],
        [
            message(content_blob=task_pb2.Blob(sha256=blob(OTHER).sha256, size_bytes=3)),
            pb.GetTranscriptResponse(blob_chunk=pb.BlobChunk(sha256=blob(OTHER).sha256, data=b"bad")),
        ],
    ],
    ids=["missing", "missing before the next", "cut", "another", "unasked", "twice", "changed"],
)
async def test_content_that_is_not_what_its_name_says_is_never_taken_for_it(pieces):
    with pytest.raises(Internal):
        await transcript(*pieces)


async def test_what_the_scheduler_wants_is_heard_with_every_answer():
    double = SchedulerDouble()
    double.directives = Directives(verdicts=[AttemptVerdict(verdict=VERDICT_STOP)])
    heard: list[Directives] = []
    async with serving(double) as stub:
        dispatch = Dispatch(stub, "token", random.Random(0))
        dispatch.on_directives = heard.append
        dispatch.enter("ses_1")
        await dispatch.accept(REF)
        await dispatch.finish(AttemptOutcome(attempt=REF))

    assert heard == [double.directives] * 2


async def test_a_call_that_the_scheduler_does_not_know_is_not_repeated():
    async with serving(None) as stub:
        dispatch = Dispatch(stub, "token", random.Random(0))
        dispatch.enter("ses_1")
        with pytest.raises(Unimplemented, match="same version"):
            await dispatch.finish(AttemptOutcome(attempt=REF))


async def test_what_passes_is_asked_again():
    double = SchedulerDouble()
    double.failures["FinishAttempts"] = [Unavailable("away"), Exhausted("busy"), Internal("oops")]
    async with serving(double) as stub:
        dispatch = Dispatch(stub, "token", Hasty(0))
        dispatch.enter("ses_1")
        await dispatch.finish(AttemptOutcome(attempt=REF))

    assert len(double.outcomes) == 1
