"""Who may call what, over the wire: every method with every kind of credential."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from google.protobuf.descriptor import MethodDescriptor

from errand.v1 import access_service_pb2 as pb
from errand.v1 import fleet_service_pb2
from errand.v1.fleet_service_pb2_grpc import FleetServiceStub
from errand_common import contract, join_token, rpc
from errand_common.values import UserRole
from errand_common.wire import timestamp
from errand_scheduler.access.scopes import NOT_FOR_TOKENS, OF_PERSONS, OPERATOR, ROLE_SCOPES, SCOPES
from tests.integration.access import ADMIN, VIEWER, new_token, revoke, set_role
from tests.integration.moved_clock import MovedClock
from tests.integration.scheduling import DEADLINE_S, Stack, github_with_repository, stack

if TYPE_CHECKING:
    Bidirectional = grpc.aio.StreamStreamMultiCallable[bytes, bytes]
    Stream = grpc.aio.UnaryStreamMultiCallable[bytes, bytes]
    Unary = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]

_PAST = "past the guard"
_LACKS_SCOPE = "lacks the scope"
_NOBODY = "is nobody's"
_BROKE = "found a bug"
_SAID = {
    "does not hold the scope": _LACKS_SCOPE,
    "the call carries no credential": _NOBODY,
    "the credential is unknown, expired or revoked": _NOBODY,
    "something broke inside": _BROKE,
}
Credentials = dict[str, tuple[str | None, frozenset[str] | None]]
"""By what they are called in this test: the token, and what it holds; none for one that is nobody's."""


async def test_exactly_those_with_the_scope_get_past_the_guard(tmp_path: Path) -> None:
    clock = MovedClock()
    async with (
        github_with_repository(tmp_path / "github") as github,
        stack(tmp_path / "data", github, clock=clock) as running,
    ):
        credentials = await of_every_kind(running, clock)
        scopes = contract.scopes()
        # The one that ends the caller's own session comes last.
        for path, method in sorted(methods(), key=lambda pair: pair[0].endswith("/EndSession")):
            for name, (token, holds) in credentials.items():
                expected = _NOBODY if holds is None else _PAST if scopes[path] in holds else _LACKS_SCOPE
                assert await found(running, path, method, token) == expected, f"{path} with {name}"


async def of_every_kind(running: Stack, clock: MovedClock) -> Credentials:
    people = {UserRole.VIEWER: "octocat", UserRole.MEMBER: "hubot", UserRole.ADMIN: "grace"}
    link = await running.make_link()
    persons = {
        role: await running.sign_in(login, link_secret=link if role is UserRole.ADMIN else "")
        for role, login in people.items()
    }
    await set_role(running, "grace", ADMIN)
    await set_role(running, "octocat", VIEWER)
    found: Credentials = {f"a {role}'s session": (persons[role].access_token, ROLE_SCOPES[role]) for role in UserRole}
    operator, admin = running.operator_token, persons[UserRole.ADMIN]
    for scope in sorted(SCOPES - NOT_FOR_TOKENS):
        name = scope.replace(":", "-")
        if scope in ROLE_SCOPES[UserRole.ADMIN]:
            mine = await new_token(running, operator, scopes=[scope], user_id=admin.user.user_id, name=name)
            found[f"a person's token for {scope}"] = (mine.secret, frozenset({scope}))
        if scope not in OF_PERSONS:
            service = await new_token(running, operator, scopes=[scope], name=name)
            found[f"a service's token for {scope}"] = (service.secret, frozenset({scope}))
    found |= {
        "the gateway's": (running.gateway_token, frozenset({"sessions:create"})),
        "the operator's": (running.operator_token, OPERATOR),
        "a runner's": (running.runner_token, frozenset({"dispatch"})),
        "a join token's": (await join_secret(running), frozenset({"join"})),
        "none": (None, None),
        "an empty one": ("", None),
        "nonsense": ("nonsense", None),
        "a refresh token": (admin.refresh_token, None),
        "a revoked one": (await a_revoked_one(running), None),
        "an expired one": (await an_expired_one(running, clock), None),
    }
    return found


async def join_secret(running: Stack) -> str:
    """The credential of a host that is to join."""
    request = fleet_service_pb2.CreateJoinTokenRequest(scheduler="errand.test:7443")
    operator = rpc.bearer(running.operator_token)
    made = await FleetServiceStub(running.channel).CreateJoinToken(request, metadata=operator, timeout=DEADLINE_S)
    return join_token.read(made.token).secret


async def a_revoked_one(running: Stack) -> str:
    made = await new_token(running, running.operator_token, scopes=["fleet:admin"], name="gone")
    await revoke(running, running.operator_token, made.token.token_id)
    return made.secret


async def an_expired_one(running: Stack, clock: MovedClock) -> str:
    soon = timestamp(clock.now_us() + 60_000_000)
    request = pb.CreateTokenRequest(name="old", scopes=["fleet:admin"], expire_time=soon)
    made = await running.access.CreateToken(request, metadata=rpc.bearer(running.operator_token), timeout=DEADLINE_S)
    clock.ahead_s = 61.0
    return made.secret


def methods() -> Iterator[tuple[str, MethodDescriptor]]:
    for service in contract.services():
        for method in service.methods:
            yield f"/{service.full_name}/{method.name}", method


async def found(running: Stack, path: str, method: MethodDescriptor, token: str | None) -> str:
    """How far a call with an empty request, or with none in a stream, comes."""
    metadata = () if token is None else rpc.bearer(token)
    try:
        if method.client_streaming:
            bidirectional: Bidirectional = running.channel.stream_stream(path)
            await bidirectional(iter(()), metadata=metadata, timeout=DEADLINE_S).read()
        elif method.server_streaming:
            stream: Stream = running.channel.unary_stream(path)
            answers = stream(b"", metadata=metadata, timeout=DEADLINE_S)
            await answers.read()
            answers.cancel()
        else:
            call: Unary = running.channel.unary_unary(path)
            await call(b"", metadata=metadata, timeout=DEADLINE_S)
    except grpc.aio.AioRpcError as exc:
        said = exc.details() or ""
        return next((what for words, what in _SAID.items() if words in said), _PAST)
    return _PAST
