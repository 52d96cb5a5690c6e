"""A runner that names another runner's session or attempt in a body gets nothing of it and changes nothing."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1 import runner_pb2, task_pb2
from errand.v1.task_pb2 import Blob
from errand_common import rpc
from errand_common.errors import Conflict, ErrandError
from errand_common.protocol import OURS
from tests.integration.scheduling import (
    DEADLINE_S,
    ScriptedRunner,
    Stack,
    github_with_repository,
    inputs_event,
    new_task,
    phase_event,
    settings,
    stack,
)
from tests.integration.storing import stored

METHODS = pb.DESCRIPTOR.services_by_name["DispatchService"].methods_by_name
NAMES_NOBODY = {"Leave": "it is about the caller alone"}


@pytest.fixture
async def running(tmp_path: Path) -> AsyncGenerator[Stack]:
    async with github_with_repository(tmp_path / "github") as github:
        # Nothing happens by itself meanwhile.
        wanted = settings(tmp_path / "data", github, beat_s=3_600.0, ERRAND_RUNNERS="honest, thief")
        async with stack(tmp_path / "data", github, wanted=wanted) as each:
            yield each


def requests(session_id: str, ref: runner_pb2.AttemptRef) -> Mapping[str, Message]:
    """A request of each method that says whose session and which attempt it is about."""
    outcome = runner_pb2.AttemptOutcome(attempt=ref, phase=task_pb2.ATTEMPT_PHASE_SUCCEEDED)
    event = phase_event(task_pb2.ATTEMPT_PHASE_STOPPING)
    event.sequence = 100
    return {
        "OpenSession": pb.OpenSessionRequest(
            nonce="thief",
            version="test",
            slots=2,
            labels={"model-key": "yes"},
            held_attempts=[runner_pb2.HeldAttempt(attempt=ref, last_sequence=2)],
            protocol=runner_pb2.ProtocolRange(oldest=OURS.oldest, newest=OURS.newest),
        ),
        "WatchAssignments": pb.WatchAssignmentsRequest(session_id=session_id),
        "AcceptAttempts": pb.AcceptAttemptsRequest(session_id=session_id, attempts=[ref]),
        "Heartbeat": pb.HeartbeatRequest(session_id=session_id, attempts=[ref]),
        "StreamEvents": pb.StreamEventsRequest(
            session_id=session_id, batch_number=1, batches=[pb.AttemptBatch(attempt=ref, events=[event])]
        ),
        "FinishAttempts": pb.FinishAttemptsRequest(session_id=session_id, outcomes=[outcome]),
        "PutBlob": pb.PutBlobRequest(
            session_id=session_id, attempt=ref, blob=Blob(sha256="a" * 64, size_bytes=1), chunk=b"x"
        ),
        "GetTranscript": pb.GetTranscriptRequest(session_id=session_id, attempt=ref),
        "LendCredential": pb.LendCredentialRequest(session_id=session_id, attempt=ref),
        "LendSecrets": pb.LendSecretsRequest(session_id=session_id, attempt=ref),
        "DrawMoney": pb.DrawMoneyRequest(session_id=session_id, attempt=ref, least_nanodollars=1, most_nanodollars=1),
        "OpenPullRequest": pb.OpenPullRequestRequest(session_id=session_id, attempt=ref, title="mine", body="mine"),
    }


async def answer(runner: ScriptedRunner, name: str, request: Message) -> Message:
    """The first answer. Raises ErrandError."""
    method = METHODS[name]

    async def one() -> AsyncIterator[Message]:
        yield request

    call: Any = getattr(runner.stub, name)
    made = call(one() if method.client_streaming else request, metadata=runner.metadata, timeout=DEADLINE_S)
    with rpc.renamed_errors():
        if not method.server_streaming:
            answered: Message = await made
            return answered
        first: Message = await made.read()
        made.cancel()
        return first


def refusals(answered: Any) -> list[str]:
    """What an answer says of the attempts that were named."""
    fields = {field.name for field, _ in answered.ListFields()}
    if "verdicts" in fields:
        return [runner_pb2.Verdict.Name(each.verdict) for each in answered.verdicts]
    items = answered.results if "results" in fields else answered.acks if "acks" in fields else ()
    verdicts = answered.directives.verdicts if "directives" in fields else ()
    return [each.error_reason for each in items] + [runner_pb2.Verdict.Name(each.verdict) for each in verdicts]


async def test_another_runners_session_and_attempt_are_of_no_use(running: Stack) -> None:
    await new_task(running)
    async with running.runner_of("honest") as honest, running.runner_of("thief", nonce="thief") as thief:
        taken = await honest.take()
        ref = taken.attempt
        await honest.send(ref, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING), inputs_event(taken))
        stolen, own = requests(honest.session_id, ref), requests(thief.session_id, ref)
        assert {*stolen, *NAMES_NOBODY} == {*METHODS}
        before = stored(running)
        for name, request in stolen.items():
            if name != "OpenSession":
                with pytest.raises(Conflict, match="session"):
                    await answer(thief, name, request)
            assert stored(running) == before, name
        for name, request in own.items():
            if name == "WatchAssignments":
                continue
            try:
                said = refusals(await answer(thief, name, request))
            except ErrandError as exc:
                said = [exc.reason]
            assert said, name
            assert set(said) <= {"LEASE_SUPERSEDED", "VERDICT_FORGET"}, (name, said)
            assert stored(running) == before, name
        assert (await honest.beat(ref)).directives.verdicts == []
        assert (await honest.finish(ref)).error_reason == ""
