"""What needs no scope, and sessions that end."""

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from errand.v1 import account_service_pb2
from errand_common import contract, rpc
from tests.integration.refused import refusal
from tests.integration.scheduling import DEADLINE_S, Person, Stack


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


async def test_an_ended_session_is_refused_at_once(running: Stack) -> None:
    person, other = await running.sign_in(), await running.sign_in()
    await end_session(person)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await get_me(person)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    await get_me(other)


async def test_a_refresh_token_works_once_and_its_reuse_ends_the_family(running: Stack) -> None:
    person = await running.sign_in()
    first = await refresh(running, person.refresh_token)
    assert first.access_token != person.access_token
    await get_me(person)
    second = await refresh(running, first.refresh_token)
    error = await refusal(refresh(running, first.refresh_token))
    assert (error.code, error.reason) == (grpc.StatusCode.UNAUTHENTICATED, "REFRESH_REFUSED")
    for token in (person.access_token, first.access_token, second.access_token):
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await person.accounts.GetMe(account_service_pb2.GetMeRequest(), metadata=rpc.bearer(token))
        assert ended.value.code() == grpc.StatusCode.UNAUTHENTICATED
    with pytest.raises(grpc.aio.AioRpcError):
        await refresh(running, second.refresh_token)


async def test_a_call_under_a_credential_that_is_good_no_more_spends_no_refresh_token(running: Stack) -> None:
    person = await running.sign_in()
    assert (await refusal(refresh(running, person.refresh_token, credential="esv_revoked"))).reason == "UNAUTHENTICATED"
    assert (await refresh(running, person.refresh_token)).access_token != person.access_token


async def get_me(person: Person) -> account_service_pb2.GetMeResponse:
    return await person.accounts.GetMe(account_service_pb2.GetMeRequest(), metadata=person.metadata, timeout=DEADLINE_S)


async def end_session(person: Person) -> None:
    await person.accounts.EndSession(
        account_service_pb2.EndSessionRequest(), metadata=person.metadata, timeout=DEADLINE_S
    )


async def refresh(running: Stack, token: str, *, credential: str = "") -> account_service_pb2.SessionTokens:
    """By default with the gateway's own credential."""
    person = await running.sign_in()
    request = account_service_pb2.RefreshSessionRequest(refresh_token=token)
    metadata = rpc.bearer(credential or running.gateway_token)
    return (await person.accounts.RefreshSession(request, metadata=metadata, timeout=DEADLINE_S)).tokens
