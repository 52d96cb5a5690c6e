"""AccessService: tokens, people and their roles, the audit log."""

from typing import Any

import grpc

from errand.v1 import access_service_pb2 as pb
from errand.v1.access_service_pb2_grpc import AccessServiceServicer
from errand_common.clock import Clock
from errand_common.errors import Invalid, NotFound
from errand_common.ids import Ids
from errand_common.wire import timestamp
from errand_scheduler.access import tokens
from errand_scheduler.access.admission import Listed
from errand_scheduler.access.auth import bearer_token
from errand_scheduler.access.callers import Caller, caller
from errand_scheduler.access.scopes import ADMIN
from errand_scheduler.access.single_user import Owner
from errand_scheduler.access.telling import Telling
from errand_scheduler.access.tokens import Wish
from errand_scheduler.edges.idempotency import once, sent
from errand_scheduler.edges.requests import (
    check_id,
    check_time,
    number_of,
    page_size,
    place_of,
    token_of,
    token_of_number,
)
from errand_scheduler.edges.standing import Standing
from errand_scheduler.store import audit, service_tokens, users
from errand_scheduler.store.audit import Entry
from errand_scheduler.store.paging import Place
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.service_tokens import ServiceToken
from errand_scheduler.store.writer import Writer

Context = grpc.aio.ServicerContext[Any, Any]


class AccessEdge(AccessServiceServicer):
    """Who may use this Errand, and as what."""

    def __init__(self, *, reader: Reader, writer: Writer, ids: Ids, clock: Clock, admission: Listed | Owner) -> None:
        self._reader = reader
        self._writer = writer
        self._ids = ids
        self._clock = clock
        self._admission = admission
        self._standing = Standing(reader=reader, writer=writer, admission=admission)

    async def CreateToken(self, request: pb.CreateTokenRequest, context: Context) -> pb.CreateTokenResponse:
        by = caller()
        wish = _wish(request, by)
        tokens.check(wish, by, now_us=self._clock.now_us())
        if wish.user_id is not None:
            await self._check_owner(wish.user_id, wish)
        token_id = self._ids.new("stk")
        asked = sent(request, user_id=by.name, method="CreateToken", request_id=request.request_id)
        telling = Telling(bearer_token(context), request.request_id)
        made = await self._writer.write(
            lambda tx: once(
                tx,
                asked,
                do=lambda: tokens.make(tx, wish, by, token_id=token_id, telling=telling),
                again=lambda made_id: tokens.tell_again(tx, made_id, telling),
                id_of=lambda made: made.token.service_token_id,
            )
        )
        return pb.CreateTokenResponse(token=_token(made.token), secret=made.secret)

    async def ListTokens(self, request: pb.ListTokensRequest, context: Context) -> pb.ListTokensResponse:
        by = caller()
        size = page_size(request.page_size, default=50, most=100)
        # A service without access:admin owns none.
        of = None if ADMIN in by.scopes else by.user_id or ""
        asked = service_tokens.page(
            user_id=of, now_us=self._clock.now_us(), after=place_of(request.page_token), limit=size + 1
        )
        found = await self._reader.all(asked)
        shown = found[:size]
        more = token_of(Place(shown[-1].created_time, shown[-1].service_token_id)) if len(found) > size else ""
        return pb.ListTokensResponse(tokens=[_token(each) for each in shown], next_page_token=more)

    async def RevokeToken(self, request: pb.RevokeTokenRequest, context: Context) -> pb.RevokeTokenResponse:
        by, token_id = caller(), check_id(request.token_id, "stk", field="token_id")
        # Whatever waits, and with the disk full, somebody is shut out.
        await self._writer.write(lambda tx: tokens.revoke(tx, token_id, by), urgent=True)
        return pb.RevokeTokenResponse()

    async def ListUsers(self, request: pb.ListUsersRequest, context: Context) -> pb.ListUsersResponse:
        return await self._standing.page(request)

    async def AllowUser(self, request: pb.AllowUserRequest, context: Context) -> pb.AllowUserResponse:
        return await self._standing.allow(request)

    async def DisallowUser(self, request: pb.DisallowUserRequest, context: Context) -> pb.DisallowUserResponse:
        return await self._standing.disallow(request)

    async def SetRole(self, request: pb.SetRoleRequest, context: Context) -> pb.SetRoleResponse:
        return await self._standing.set_role(request)

    async def ListAuditEntries(
        self, request: pb.ListAuditEntriesRequest, context: Context
    ) -> pb.ListAuditEntriesResponse:
        size = page_size(request.page_size, default=100, most=500)
        found = await self._reader.all(audit.page(before=number_of(request.page_token) or None, limit=size + 1))
        shown = found[:size]
        more = token_of_number(shown[-1].audit_id) if len(found) > size else ""
        return pb.ListAuditEntriesResponse(entries=[_entry(each) for each in shown], next_page_token=more)

    async def _check_owner(self, user_id: str, wish: Wish) -> None:
        user = await self._reader.one(users.by_id(user_id))
        if user is None:
            raise NotFound(f"there is no user {user_id}")
        self._admission.check(user)
        tokens.check_role(wish.scopes, self._admission.role(user))


def _wish(request: pb.CreateTokenRequest, by: Caller) -> Wish:
    user_id = request.user_id or None
    if user_id == "me":
        if by.user_id is None:
            raise Invalid(f"{by.name} is nobody's credential, so \"me\" says nothing; give a user's id")
        user_id = by.user_id
    elif user_id is not None:
        check_id(user_id, "usr", field="user_id")
    expires = check_time(request.expire_time, field="expire_time") if request.HasField("expire_time") else None
    return Wish(name=request.name, scopes=frozenset(request.scopes), user_id=user_id, expire_time=expires)


def _token(row: ServiceToken) -> pb.Token:
    return pb.Token(
        token_id=row.service_token_id,
        name=row.name,
        scopes=row.scopes.split(),
        user_id=row.user_id or "",
        made_by=row.made_by,
        created_time=timestamp(row.created_time),
        expire_time=timestamp(row.expire_time),
    )


def _entry(row: Entry) -> pb.AuditEntry:
    return pb.AuditEntry(
        audit_id=row.audit_id,
        caller=row.caller,
        token_name=row.token_name,
        action=row.action,
        subject_id=row.subject_id,
        created_time=timestamp(row.created_time),
    )
