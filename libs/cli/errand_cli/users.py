"""`errand user`: who may use this Errand, and as what."""

from collections.abc import Container, Sequence
from typing import Annotated

import typer

from errand.v1.access_service_pb2 import (
    Admission,
    AllowUserRequest,
    DisallowUserRequest,
    SetRoleRequest,
    UserAccess,
)
from errand.v1.task_pb2 import UserRole as Role
from errand_cli import user_names
from errand_cli.connection import Connection
from errand_cli.output import Output
from errand_cli.running import AsJson, new_request_id, with_scheduler
from errand_common.values import UserRole
from errand_common.wire import Json, number, to_json

app = typer.Typer(no_args_is_help=True, help="Let people in, shut them out, and say what they may do.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The account's name at GitHub.")]
Row = tuple[str, str, str, str, str]
Organisation = Annotated[bool, typer.Option("--organisation", help="NAME is an organisation: all who are in it.")]


@app.command("list")
def list_users(as_json: AsJson = False) -> None:
    """List who has signed in, and who is let in or shut out by name."""
    output = Output(as_json=as_json)

    async def work(connection: Connection) -> None:
        users, admissions, named = await user_names.every(connection)
        if as_json:
            people: list[Json] = [to_json(each) for each in users]
            rules: list[Json] = [to_json(each) for each in admissions]
            names: list[Json] = list(named)
            output.document({"users": people, "admissions": rules, "github_usernames_of_the_setting": names})
            return
        output.table(("WHO", "ROLE", "MAY USE IT", "BY", "ID"), rows(users, admissions, named))

    with_scheduler(work)


@app.command()
def allow(
    name: Name,
    role: Annotated[UserRole | None, typer.Option(help="Else member; a role that they have stays.")] = None,
    organisation: Organisation = False,
    as_json: AsJson = False,
) -> None:
    """Let an account in, also one that never signed in, or all of an organisation."""
    request = AllowUserRequest(role=number(Role, role), request_id=new_request_id())
    _name(request, name, organisation=organisation)

    async def work(connection: Connection) -> None:
        await connection.ask(connection.access.AllowUser, request)
        Output(as_json=as_json).done({"allowed": name}, f"{name} is let in")

    with_scheduler(work)


@app.command()
def disallow(name: Name, organisation: Organisation = False, as_json: AsJson = False) -> None:
    """Shut an account out at once, or take an organisation off; what their tasks do goes on to its end."""
    request = DisallowUserRequest(request_id=new_request_id())
    _name(request, name, organisation=organisation)

    async def work(connection: Connection) -> None:
        done = await connection.ask(connection.access.DisallowUser, request)
        still = "; ERRAND_ALLOWED_USERS still names them: take them out there too" if done.named_in_setting else ""
        told: dict[str, Json] = {"disallowed": name, "named_in_setting": done.named_in_setting}
        Output(as_json=as_json).done(told, f"{name} is shut out{still}")

    with_scheduler(work)


@app.command("role")
def set_role(
    name: Name,
    role: Annotated[UserRole, typer.Argument(help="viewer, member or admin.")],
    as_json: AsJson = False,
) -> None:
    """Give a person another role, from their next call on."""

    async def work(connection: Connection) -> None:
        request = SetRoleRequest(github_username=name, role=number(Role, role), request_id=new_request_id())
        await connection.ask(connection.access.SetRole, request)
        Output(as_json=as_json).done({"github_username": name, "role": role}, f"{name} is {role} now")

    with_scheduler(work)


def _name(request: AllowUserRequest | DisallowUserRequest, name: str, *, organisation: bool) -> None:
    if organisation:
        request.github_organisation = name
    else:
        request.github_username = name


def rows(users: Sequence[UserAccess], admissions: Sequence[Admission], named: Sequence[str]) -> list[Row]:
    """Each name once: a person, what was said of a name, or what the setting (in lower case) says of one that is
    neither."""
    setting = set(named)
    people = [_person(each, setting) for each in users]
    rules = [_rule(each) for each in admissions]
    known = {who.lower() for who, *_ in (*people, *rules)}
    return [*people, *rules, *((name, "", "yes", "setting", "") for name in named if name not in known)]


def _person(each: UserAccess, setting: Container[str]) -> Row:
    told = to_json(each.user)
    by = each.github_organisation and f"organisation {each.github_organisation}"
    if not by and each.admitted and each.user.github_username.lower() in setting:
        by = "setting"
    may = "yes" if each.admitted else "no"
    return each.user.github_username, str(told["role"]), may, by, each.user.user_id


def _rule(each: Admission) -> Row:
    who = each.github_username or f"organisation {each.github_organisation}"
    return who, str(to_json(each)["role"]), "yes" if each.allowed else "no", each.made_by, ""
