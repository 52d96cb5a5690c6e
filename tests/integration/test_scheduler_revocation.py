"""What is taken away counts at once, in streams that are open too."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from errand.v1 import access_service_pb2 as pb
from errand.v1 import account_service_pb2 as accounts
from errand.v1 import dispatch_service_pb2 as dispatch
from errand_common import rpc
from errand_common.clock import Clock
from errand_common.errors import Unauthenticated
from errand_common.wire import timestamp
from tests.integration.access import ADMIN, MEMBER, VIEWER, disallow, new_token, revoke, robot, set_role
from tests.integration.refused import refusal
from tests.integration.scheduling import DEADLINE_S, Person, Stack, Watch


async def cut(watch: Watch) -> str:
    """The words with which a watch that had caught up ends."""

    async def until_it_ends() -> None:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                await watch.next()

    error = await refusal(until_it_ends())
    assert isinstance(error, Unauthenticated)
    return error.message


async def test_an_ended_session_cuts_its_watches_and_no_others(running: Stack) -> None:
    person, again = await running.sign_in(), await running.sign_in()
    watch, others = await watching(person), await watching(again)
    await person.accounts.EndSession(accounts.EndSessionRequest(), metadata=person.metadata, timeout=DEADLINE_S)
    assert "session has ended" in await cut(watch)
    await goes_on(others, again)


async def test_a_revoked_token_cuts_its_watches_and_not_those_of_its_person(running: Stack) -> None:
    person = await running.sign_in()
    made = await new_token(running, person.access_token, scopes=["tasks:read"], user_id="me")
    watch, own = await watching(robot(person, made.secret)), await watching(person)
    await revoke(running, person.access_token, made.token.token_id)
    assert "revoked" in await cut(watch)
    await goes_on(own, person)


async def test_who_is_shut_out_has_all_their_watches_cut(running: Stack) -> None:
    person, other = await running.sign_in(), await running.sign_in("hubot")
    made = await new_token(running, person.access_token, scopes=["tasks:read"], user_id="me")
    watches = [await watching(person), await watching(robot(person, made.secret))]
    others = await watching(other)
    await disallow(running, "octocat")
    for watch in watches:
        assert "no longer admitted" in await cut(watch)
    others.cancel()


async def test_another_role_leaves_the_watches_that_are_in_it(running: Stack) -> None:
    await running.sign_in("grace", link_secret=await running.make_link())
    person = await running.sign_in()
    watch = await watching(person)
    for role in (ADMIN, VIEWER, MEMBER):
        await set_role(running, "octocat", role)
    await goes_on(watch, person)


async def test_a_revoked_runner_is_cut_off(running: Stack) -> None:
    async with running.runner() as runner:
        events = runner.stub.StreamEvents(never(), metadata=runner.metadata)
        request = dispatch.WatchAssignmentsRequest(session_id=runner.session_id)
        assignments = runner.stub.WatchAssignments(request, metadata=runner.metadata)
        await assignments.read()
        await events.wait_for_connection()
        await revoke(running, running.operator_token, await token_id_of(running, "runners/local"))
        for stream in (assignments, events):
            refused = await refusal(until_the_end(stream))
            assert isinstance(refused, Unauthenticated)
            assert "revoked" in refused.message
        heartbeat = dispatch.HeartbeatRequest(session_id=runner.session_id)
        assert isinstance(
            await refusal(runner.stub.Heartbeat(heartbeat, metadata=runner.metadata, timeout=DEADLINE_S)),
            Unauthenticated,
        )


async def test_a_stream_that_asks_for_no_scope_is_cut_too(running: Stack) -> None:
    made = await new_token(running, running.operator_token, scopes=["access:read"])
    stub = reflection_pb2_grpc.ServerReflectionStub(running.channel)
    stream = stub.ServerReflectionInfo(asked_once(), metadata=rpc.bearer(made.secret))
    await stream.read()
    await revoke(running, running.operator_token, made.token.token_id)
    assert "revoked" in (await refusal(until_the_end(stream))).message


async def test_a_watch_ends_when_its_token_expires(running: Stack) -> None:
    person = await running.sign_in()
    expires = timestamp(Clock().now_us() + round(timedelta(seconds=1.5) / timedelta(microseconds=1)))
    request = pb.CreateTokenRequest(name="short", scopes=["tasks:read"], user_id="me", expire_time=expires)
    made = await running.access.CreateToken(request, metadata=person.metadata, timeout=DEADLINE_S)
    assert "expired" in await cut(robot(person, made.secret).watch())


async def watching(person: Person) -> Watch:
    watch = person.watch()
    await watch.until_caught_up()
    return watch


async def goes_on(watch: Watch, person: Person) -> None:
    """What happens next is told."""
    await person.create((await person.add_project()).project_id)
    async with asyncio.timeout(DEADLINE_S):
        await watch.next()
    watch.cancel()


async def token_id_of(running: Stack, name: str) -> str:
    request = pb.ListTokensRequest(page_size=100)
    operator = rpc.bearer(running.operator_token)
    page = await running.access.ListTokens(request, metadata=operator, timeout=DEADLINE_S)
    return next(token.token_id for token in page.tokens if token.name == name)


async def never() -> AsyncIterator[dispatch.StreamEventsRequest]:
    await asyncio.Event().wait()
    yield dispatch.StreamEventsRequest()


async def asked_once() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
    yield reflection_pb2.ServerReflectionRequest(list_services="")
    await asyncio.Event().wait()


async def until_the_end(stream: "grpc.aio.UnaryStreamCall | grpc.aio.StreamStreamCall") -> None:  # type: ignore[type-arg]
    async with asyncio.timeout(DEADLINE_S):
        while await stream.read() is not grpc.aio.EOF:
            pass
