"""Who may call what, over the wire: every method with every kind of credential."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from errand.v1 import account_service_pb2, fleet_service_pb2
from errand.v1.fleet_service_pb2_grpc import FleetServiceStub
from errand_common import contract, join_token, rpc
from errand_common.errors import Unauthenticated, from_rpc_error
from tests.integration.scheduling import DEADLINE_S, Person, Stack

if TYPE_CHECKING:
    Bidirectional = grpc.aio.StreamStreamMultiCallable[bytes, bytes]
    Stream = grpc.aio.UnaryStreamMultiCallable[bytes, bytes]
    Unary = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]

REFUSED = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}


def methods() -> Iterator[tuple[str, MethodDescriptor]]:
    for service in contract.services():
        for method in service.methods:
            yield f"/{service.full_name}/{method.name}", method


async def code_of(stack: Stack, path: str, method: MethodDescriptor, token: str | None) -> grpc.StatusCode:
    """What a call with an empty request, or with none in a stream, is answered; OK where it just goes on."""
    metadata = () if token is None else rpc.bearer(token)
    try:
        if method.client_streaming:
            bidirectional: Bidirectional = stack.channel.stream_stream(path)
            await bidirectional(iter(()), metadata=metadata, timeout=DEADLINE_S).read()
        elif method.server_streaming:
            stream: Stream = stack.channel.unary_stream(path)
            answers = stream(b"", metadata=metadata, timeout=DEADLINE_S)
            await answers.read()
            answers.cancel()
        else:
            call: Unary = stack.channel.unary_unary(path)
            await call(b"", metadata=metadata, timeout=DEADLINE_S)
    except grpc.aio.AioRpcError as exc:
        return exc.code()
    return grpc.StatusCode.OK


async def join_secret(running: Stack) -> str:
    """The credential of a host that is to join."""
    request = fleet_service_pb2.CreateJoinTokenRequest(scheduler="errand.test:7443")
    operator = rpc.bearer(running.operator_token)
    made = await FleetServiceStub(running.channel).CreateJoinToken(request, metadata=operator, timeout=DEADLINE_S)
    return join_token.read(made.token).secret


async def test_every_method_asks_for_its_scope(running: Stack) -> None:
    person = await running.sign_in()
    holders = {
        "sessions:create": running.gateway_token,
        "links:create": running.operator_token,
        "fleet:read": running.operator_token,
        "fleet:admin": running.operator_token,
        "dispatch": running.runner_token,
        "join": await join_secret(running),
        "tasks:read": person.access_token,
        "tasks:write": person.access_token,
        "account:read": person.access_token,
        "account:write": person.access_token,
    }
    scopes = contract.scopes()
    # The one that ends the caller's own session comes last.
    for path, method in sorted(methods(), key=lambda pair: pair[0].endswith("/EndSession")):
        for token in (None, "", "nonsense", person.refresh_token):
            assert await code_of(running, path, method, token) == grpc.StatusCode.UNAUTHENTICATED, path
        good = holders[scopes[path]]
        for token in {*holders.values()} - {good}:
            assert await code_of(running, path, method, token) == grpc.StatusCode.PERMISSION_DENIED, path
        answer = await code_of(running, path, method, good)
        # RefreshSession refuses the empty refresh token with the same code.
        assert answer not in REFUSED or path.endswith("/RefreshSession"), path
        assert answer is not grpc.StatusCode.INTERNAL, path


async def test_health_needs_no_credential_and_reflection_any(running: Stack) -> None:
    health = health_pb2_grpc.HealthStub(running.channel)
    for service in ("", "errand.v1.TaskService"):
        answer = await health.Check(health_pb2.HealthCheckRequest(service=service), timeout=DEADLINE_S)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=DEADLINE_S)
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
    watch.cancel()

    async def services(token: str | None) -> set[str]:
        metadata = () if token is None else rpc.bearer(token)
        call = reflection_pb2_grpc.ServerReflectionStub(running.channel).ServerReflectionInfo(
            iter([reflection_pb2.ServerReflectionRequest(list_services="")]), metadata=metadata, timeout=DEADLINE_S
        )
        return {service.name async for each in call for service in each.list_services_response.service}

    assert {service.full_name for service in contract.services()} <= await services(running.runner_token)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await services(None)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_an_ended_session_is_refused_at_once_and_its_watches_end(running: Stack) -> None:
    person, other = await running.sign_in(), await running.sign_in()
    watch, others_watch = person.watch(), other.watch()
    for each in (watch, others_watch):
        await each.until_caught_up()
    await end_session(person)
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await watch.next()
    assert isinstance(from_rpc_error(ended.value), Unauthenticated)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await get_me(person)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    await get_me(other)
    others_watch.cancel()


async def test_a_refresh_token_works_once_and_its_reuse_ends_the_family(running: Stack) -> None:
    person = await running.sign_in()
    first = await refresh(running, person.refresh_token)
    assert first.access_token != person.access_token
    await get_me(person)
    second = await refresh(running, first.refresh_token)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await refresh(running, first.refresh_token)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    for token in (person.access_token, first.access_token, second.access_token):
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await person.accounts.GetMe(account_service_pb2.GetMeRequest(), metadata=rpc.bearer(token))
        assert ended.value.code() == grpc.StatusCode.UNAUTHENTICATED
    with pytest.raises(grpc.aio.AioRpcError):
        await refresh(running, second.refresh_token)


async def get_me(person: Person) -> account_service_pb2.GetMeResponse:
    return await person.accounts.GetMe(account_service_pb2.GetMeRequest(), metadata=person.metadata, timeout=DEADLINE_S)


async def end_session(person: Person) -> None:
    await person.accounts.EndSession(
        account_service_pb2.EndSessionRequest(), metadata=person.metadata, timeout=DEADLINE_S
    )


async def refresh(running: Stack, token: str) -> account_service_pb2.SessionTokens:
    person = await running.sign_in()
    request = account_service_pb2.RefreshSessionRequest(refresh_token=token)
    answer = await person.accounts.RefreshSession(
        request, metadata=rpc.bearer(running.gateway_token), timeout=DEADLINE_S
    )
    return answer.tokens
