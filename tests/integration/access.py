"""What the tests of access share: tokens, roles, and who is let in."""

from collections.abc import Sequence

from errand.v1 import access_service_pb2 as pb
from errand.v1 import account_service_pb2, task_pb2
from errand_common import rpc
from tests.integration.scheduling import DEADLINE_S, Person, Stack

VIEWER, MEMBER, ADMIN = task_pb2.USER_ROLE_VIEWER, task_pb2.USER_ROLE_MEMBER, task_pb2.USER_ROLE_ADMIN


async def new_token(
    running: Stack, by: str, *, scopes: Sequence[str], user_id: str = "", name: str = "robot"
) -> pb.CreateTokenResponse:
    """A token that the holder of another one makes."""
    request = pb.CreateTokenRequest(name=name, scopes=scopes, user_id=user_id)
    return await running.access.CreateToken(request, metadata=rpc.bearer(by), timeout=DEADLINE_S)


async def revoke(running: Stack, by: str, token_id: str) -> None:
    request = pb.RevokeTokenRequest(token_id=token_id)
    await running.access.RevokeToken(request, metadata=rpc.bearer(by), timeout=DEADLINE_S)


async def set_role(running: Stack, login: str, role: "task_pb2.UserRole.ValueType") -> None:
    request = pb.SetRoleRequest(github_username=login, role=role)
    await running.access.SetRole(request, metadata=rpc.bearer(running.operator_token), timeout=DEADLINE_S)


async def allow(running: Stack, login: str, role: "task_pb2.UserRole.ValueType" = MEMBER) -> None:
    request = pb.AllowUserRequest(github_username=login, role=role)
    await running.access.AllowUser(request, metadata=rpc.bearer(running.operator_token), timeout=DEADLINE_S)


async def disallow(running: Stack, login: str) -> None:
    request = pb.DisallowUserRequest(github_username=login)
    await running.access.DisallowUser(request, metadata=rpc.bearer(running.operator_token), timeout=DEADLINE_S)


async def me(running: Stack, token: str) -> task_pb2.User:
    """Whom a credential stands for."""
    request = account_service_pb2.GetMeRequest()
    return (await _anyone(running).accounts.GetMe(request, metadata=rpc.bearer(token), timeout=DEADLINE_S)).user


def _anyone(running: Stack) -> Person:
    return running.person(account_service_pb2.CompleteSignInResponse())


def robot(person: Person, secret: str) -> Person:
    """The person, as a program of theirs that has a token."""
    return Person(secret, "", person.user, person.tasks, person.accounts)
