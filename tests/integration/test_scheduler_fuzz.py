"""Whatever is sent to a method by whoever may call it: it is done, or refused in words with nothing changed."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from errand.v1 import task_pb2
from errand_common import contract, rpc
from errand_common.errors import from_rpc_error
from tests.integration.scheduling import (
    REPOSITORY,
    Person,
    Stack,
    github_with_repository,
    inputs_event,
    new_task,
    phase_event,
    stack,
)
from tests.integration.scheduling import settings as scheduler_settings
from tests.integration.storing import stored
from tests.integration.strange_messages import messages

METHODS = [method for service in contract.services() for method in service.methods]
BEAT_S = 3_600.0
"""Nothing happens by itself meanwhile."""
_HEARD_S = 0.2  # of a stream that is served
_ANSWERED_S = 10.0
_SETTLED_S = 0.05
_BROKEN = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.DATA_LOSS)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncGenerator[Stack]:
    async with github_with_repository(tmp_path / "github") as github:
        wanted = scheduler_settings(tmp_path / "data", github, beat_s=BEAT_S, ERRAND_CALLS_PER_SECOND="0")
        async with stack(tmp_path / "data", github, wanted=wanted) as each:
            yield each


@pytest.fixture
async def known(running: Stack) -> tuple[Person, list[str]]:
    """Somebody whose task was worked on, the runner that did, and the names of all that exists."""
    person, task = await new_task(running)
    async with running.runner() as runner:
        taken = await runner.take()
        await runner.send(taken.attempt, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING), inputs_event(taken))
        await runner.finish(taken.attempt)
    await settled(running)
    things = [task.task_id, task.project_id, taken.attempt.attempt_id, runner.session_id, taken.inputs[0].input_id]
    return person, [*things, person.user.user_id, REPOSITORY, "octocat", "local", "me"]


async def settled(running: Stack) -> None:
    """Return once nothing changes any more of itself."""
    before = None
    while (now := stored(running)) != before:
        before = now
        await asyncio.sleep(_SETTLED_S)


def credential(running: Stack, person: Person, method: MethodDescriptor) -> str:
    """One that may call the method."""
    scope = contract.scopes()[path(method)]
    if scope in ("dispatch",):
        return running.runner_token
    if scope.startswith(("sessions:", "session:")):
        return running.gateway_token
    return person.access_token if scope.startswith(("tasks:", "account:")) else running.operator_token


def path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


async def answer(running: Stack, method: MethodDescriptor, sent: list[Message], token: str) -> grpc.RpcError | None:
    """How a call is refused; none where it is served, or nobody can say."""
    method_input: Any = GetMessageClass(method.input_type)
    kinds: Any = {
        "request_serializer": method_input.SerializeToString,
        "response_deserializer": GetMessageClass(method.output_type).FromString,
    }
    given_: Any = iter(sent) if method.client_streaming else sent[0]
    make: Any = {
        (False, False): running.channel.unary_unary,
        (False, True): running.channel.unary_stream,
        (True, False): running.channel.stream_unary,
        (True, True): running.channel.stream_stream,
    }[method.client_streaming, method.server_streaming]
    within_s = _HEARD_S if method.server_streaming else _ANSWERED_S
    call: Any = make(path(method), **kinds)(given_, metadata=rpc.bearer(token), timeout=within_s)
    try:
        if method.server_streaming:
            async for _ in call:
                pass
        else:
            await call
    except grpc.aio.AioRpcError as exc:
        served = method.server_streaming and exc.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        # What gRPC's client says by itself, in the place of the refusal, where it sends on a stream that the server
        # has ended.
        unsent = method.client_streaming and exc.details() == "Internal error from Core"
        return None if served or unsent else exc
    return None


@pytest.mark.timeout(120)
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_a_strange_call_is_done_or_refused_in_words(
    running: Stack, known: tuple[Person, list[str]], method: MethodDescriptor, data: st.DataObject
) -> None:
    person, names = known
    most = 3 if method.client_streaming else 1
    sent = data.draw(st.lists(messages(method.input_type, names), min_size=1, max_size=most))
    before = stored(running)
    refused = await answer(running, method, sent, credential(running, person, method))
    if refused is None:
        await settled(running)
        return
    assert refused.code() not in _BROKEN, (method.name, refused.details())
    assert from_rpc_error(refused).message
    if not method.client_streaming:
        assert stored(running) == before
