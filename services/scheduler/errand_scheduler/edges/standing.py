"""The calls of AccessService about people."""

import re
from collections.abc import Callable
from typing import Literal

from errand.v1 import access_service_pb2 as pb
from errand.v1 import task_pb2
from errand_common.errors import Conflict, Denied, Invalid
from errand_common.values import UserRole
from errand_common.wire import number, timestamp, word
from errand_scheduler import wire
from errand_scheduler.access import standing
from errand_scheduler.access.admission import Listed
from errand_scheduler.access.callers import caller
from errand_scheduler.access.single_user import Owner
from errand_scheduler.edges.idempotency import once, sent
from errand_scheduler.edges.requests import page_size, place_of, token_of
from errand_scheduler.store import admissions, users
from errand_scheduler.store.admissions import Admission, Kind
from errand_scheduler.store.paging import Place
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.users import User
from errand_scheduler.store.writer import Writer

# What GitHub allows: https://docs.github.com/enterprise-cloud@latest/admin/managing-iam/iam-configuration-reference
# A managed account's ends with an underscore and the enterprise's short code.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}(_[A-Za-z0-9]{1,10})?")
_Change = pb.AllowUserRequest | pb.DisallowUserRequest | pb.SetRoleRequest


class Standing:
    """Who is let in and shut out, and as what."""

    def __init__(self, *, reader: Reader, writer: Writer, admission: Listed | Owner) -> None:
        self._reader = reader
        self._writer = writer
        self._admission = admission

    async def page(self, request: pb.ListUsersRequest) -> pb.ListUsersResponse:
        """People, newest first, with all names on the first page."""
        size = page_size(request.page_size, default=50, most=100)
        found = await self._reader.all(users.page(after=place_of(request.page_token), limit=size + 1))
        shown = found[:size]
        answer = pb.ListUsersResponse(users=[self._shown(each) for each in shown])
        if len(found) > size:
            answer.next_page_token = token_of(Place(shown[-1].created_time, shown[-1].user_id))
        if not request.page_token:
            answer.admissions.extend(_named(each) for each in await self._reader.all(admissions.every()))
            if isinstance(self._admission, Listed):
                answer.github_usernames_of_the_setting.extend(self._admission.named)
        return answer

    async def allow(self, request: pb.AllowUserRequest) -> pb.AllowUserResponse:
        """Let in by name. Raises Invalid, Exhausted and, with one user, Conflict."""
        role = _role(request.role, unspecified=UserRole.MEMBER)
        by, (kind, name) = caller(), _subject(request)
        do = standing.allow_user if kind is Kind.USER else standing.allow_organisation
        await self._change(request, "AllowUser", lambda tx: do(tx, name, role, by))
        return pb.AllowUserResponse()

    async def disallow(self, request: pb.DisallowUserRequest) -> pb.DisallowUserResponse:
        """Shut out. Raises Invalid and Conflict."""
        by, (kind, name) = caller(), _subject(request)
        do = standing.disallow_user if kind is Kind.USER else standing.disallow_organisation
        await self._change(request, "DisallowUser", lambda tx: do(tx, name, by))
        listed = self._admission
        named = kind is Kind.USER and isinstance(listed, Listed) and listed.names(name)
        return pb.DisallowUserResponse(named_in_setting=named)

    async def set_role(self, request: pb.SetRoleRequest) -> pb.SetRoleResponse:
        """Give another role. Raises Invalid, NotFound and Conflict."""
        by, name, role = caller(), _checked(request.github_username, "github_username"), _role(request.role)
        await self._change(request, "SetRole", lambda tx: standing.set_role(tx, name, role, by))
        return pb.SetRoleResponse()

    async def _change(self, request: _Change, method: str, do: Callable[[Tx], None]) -> None:
        if isinstance(self._admission, Owner):
            raise Conflict("this Errand has one user, the owner of ERRAND_GITHUB_TOKEN, who is its admin")
        asked = sent(request, user_id=caller().name, method=method, request_id=request.request_id)
        # Whatever waits, and with the disk full, somebody is shut out.
        await self._writer.write(
            lambda tx: once(tx, asked, do=lambda: do(tx), again=lambda _: None, id_of=lambda _: ""), urgent=True
        )

    def _shown(self, user: User) -> pb.UserAccess:
        access = pb.UserAccess(user=wire.user(user), github_organisation=user.organisation)
        access.user.role = number(task_pb2.UserRole, self._admission.role(user))
        try:
            self._admission.check(user)
        except Denied:
            return access
        access.admitted = True
        return access


def _subject(request: pb.AllowUserRequest | pb.DisallowUserRequest) -> tuple[Kind, str]:
    field: Literal["github_username", "github_organisation"] | None = request.WhichOneof("subject")
    if field is None:
        raise Invalid("say whom: github_username, or github_organisation")
    kind = Kind.USER if field == "github_username" else Kind.ORGANISATION
    return kind, _checked(getattr(request, field), field)


def _checked(name: str, field: str) -> str:
    if not _NAME.fullmatch(name):
        raise Invalid(f'{field} "{name[:64]}" is no name at GitHub, such as octocat')
    return name


def _role(value: "task_pb2.UserRole.ValueType", *, unspecified: UserRole | None = None) -> UserRole:
    if value == task_pb2.USER_ROLE_UNSPECIFIED and unspecified is not None:
        return unspecified
    role = word(task_pb2.UserRole, value)
    if not role:
        raise Invalid(f"role {value} is unknown; use {', '.join(UserRole)}")
    return UserRole(role)


def _named(row: Admission) -> pb.Admission:
    shown = pb.Admission(
        allowed=row.allowed,
        role=number(task_pb2.UserRole, row.role),
        made_by=row.made_by,
        created_time=timestamp(row.created_time),
    )
    if row.kind is Kind.USER:
        shown.github_username = row.name
    else:
        shown.github_organisation = row.name
    return shown
