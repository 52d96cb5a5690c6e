"""Tokens for programs: who may make which, what they may do, and that they end."""

from collections.abc import Callable
from pathlib import Path

import pytest

from errand.v1 import access_service_pb2 as pb
from errand.v1 import account_service_pb2 as accounts
from errand_common import rpc
from errand_common.errors import Conflict, Denied, Invalid, NotFound, Unauthenticated
from errand_common.wire import timestamp
from tests.integration.access import VIEWER, disallow, me, new_token, revoke, robot, set_role
from tests.integration.moved_clock import MovedClock
from tests.integration.refused import refusal
from tests.integration.scheduling import DEADLINE_S, Stack, github_with_repository, stack

ALL_OF_A_MEMBER = ["account:read", "account:write", "tasks:read", "tasks:write", "tokens:read", "tokens:write"]


async def test_a_members_token_acts_for_them_within_its_scopes(running: Stack) -> None:
    person = await running.sign_in()
    made = await new_token(running, person.access_token, scopes=["account:read"], user_id="me")
    assert made.secret.startswith("eut_")
    assert made.token.user_id == made.token.made_by == person.user.user_id
    assert (await me(running, made.secret)).user_id == person.user.user_id
    create = accounts.CreateProjectRequest(repository="octocat/demo")
    refused = await refusal(person.accounts.CreateProject(create, metadata=rpc.bearer(made.secret)))
    assert isinstance(refused, Denied)
    assert "does not hold the scope account:write" in refused.message


async def test_a_member_makes_tokens_for_themselves_alone_and_gives_no_more_than_they_hold(running: Stack) -> None:
    person, other = await running.sign_in(), await running.sign_in("hubot")
    by = person.access_token
    await new_token(running, by, scopes=ALL_OF_A_MEMBER, user_id=person.user.user_id, name="most")
    narrow = await new_token(running, by, scopes=["tokens:write"], user_id="me", name="narrow")
    for wish, holder in (
        (new_token(running, by, scopes=["tasks:read"], user_id=other.user.user_id), "another"),
        (new_token(running, by, scopes=["access:read"]), "nobody"),
        (new_token(running, by, scopes=["access:read"], user_id="me"), "beyond the role"),
        (new_token(running, narrow.secret, scopes=["tasks:read"], user_id="me"), "beyond the token"),
    ):
        assert isinstance(await refusal(wish), Denied), holder


async def test_the_hosts_credential_makes_any_token(running: Stack) -> None:
    person = await running.sign_in()
    by = running.operator_token
    for_person = await new_token(running, by, scopes=["tasks:read", "account:read"], user_id=person.user.user_id)
    assert (await me(running, for_person.secret)).user_id == person.user.user_id
    assert for_person.token.made_by == "operator"
    admin = await new_token(running, by, scopes=["access:read", "access:admin", "tokens:write"])
    assert admin.secret.startswith("esv_")
    await new_token(running, admin.secret, scopes=["fleet:admin"], name="second")


Breaks = Callable[[str], pb.CreateTokenRequest]


@pytest.mark.parametrize(
    ("request_for", "words"),
    [
        (lambda _: pb.CreateTokenRequest(name="No Name", scopes=["fleet:admin"]), "is no name for a token"),
        (lambda _: pb.CreateTokenRequest(name="gateway", scopes=["fleet:admin"]), "is no name for a token"),
        (lambda _: pb.CreateTokenRequest(name="a"), "scopes is empty"),
        (lambda _: pb.CreateTokenRequest(name="a", scopes=["fly"]), "fly cannot be given"),
        (lambda _: pb.CreateTokenRequest(name="a", scopes=["dispatch"]), "dispatch cannot be given"),
        (lambda _: pb.CreateTokenRequest(name="a", scopes=["tasks:read"]), "name the user"),
        (lambda _: pb.CreateTokenRequest(name="a", scopes=["tasks:read"], user_id="me"), "nobody's credential"),
        (lambda me: pb.CreateTokenRequest(name="a", scopes=["fleet:admin"], user_id=me), "is a member"),
        (
            lambda me: pb.CreateTokenRequest(name="a", scopes=["tasks:read"], user_id=me, expire_time=timestamp(1)),
            "in the past",
        ),
    ],
)
async def test_a_token_that_breaks_a_rule_is_refused_in_words(running: Stack, request_for: Breaks, words: str) -> None:
    person = await running.sign_in()
    refused = await refusal(
        running.access.CreateToken(request_for(person.user.user_id), metadata=rpc.bearer(running.operator_token))
    )
    assert isinstance(refused, Invalid)
    assert words in refused.message


async def test_a_live_token_keeps_its_name_to_itself(running: Stack) -> None:
    person, other = await running.sign_in(), await running.sign_in("hubot")
    first = await new_token(running, person.access_token, scopes=["tasks:read"], user_id="me")
    assert isinstance(
        await refusal(new_token(running, person.access_token, scopes=["tasks:read"], user_id="me")), Conflict
    )
    await new_token(running, other.access_token, scopes=["tasks:read"], user_id="me")
    await revoke(running, person.access_token, first.token.token_id)
    await new_token(running, person.access_token, scopes=["tasks:read"], user_id="me")


async def test_an_answer_that_was_lost_is_given_again_to_the_same_credential_alone(running: Stack) -> None:
    person = await running.sign_in()
    request = pb.CreateTokenRequest(request_id="one", name="robot", scopes=["account:read"], user_id="me")
    first, again = [await running.access.CreateToken(request, metadata=person.metadata) for _ in range(2)]
    assert again == first
    await me(running, again.secret)

    elsewhere = await running.sign_in()
    refused = await refusal(running.access.CreateToken(request, metadata=elsewhere.metadata))
    assert isinstance(refused, Conflict)
    assert f"made {first.token.token_id}, whose secret is told to the credential alone" in refused.message

    await revoke(running, person.access_token, first.token.token_id)
    refused = await refusal(running.access.CreateToken(request, metadata=person.metadata))
    assert isinstance(refused, Conflict)
    assert "which was revoked since" in refused.message


async def test_another_wish_under_the_same_request_id_is_refused(running: Stack) -> None:
    person = await running.sign_in()
    request = pb.CreateTokenRequest(request_id="one", name="robot", scopes=["account:read"], user_id="me")
    await running.access.CreateToken(request, metadata=person.metadata)
    request.scopes.append("tasks:read")
    refused = await refusal(running.access.CreateToken(request, metadata=person.metadata))
    assert refused.reason == "IDEMPOTENCY_MISMATCH"


async def test_a_revoked_token_is_refused_at_once_and_another_persons_is_not_to_be_found(running: Stack) -> None:
    person, other = await running.sign_in(), await running.sign_in("hubot")
    made = await new_token(running, person.access_token, scopes=["account:read"], user_id="me")
    await me(running, made.secret)
    assert isinstance(await refusal(revoke(running, other.access_token, made.token.token_id)), NotFound)
    for _ in range(2):
        await revoke(running, person.access_token, made.token.token_id)
    assert isinstance(await refusal(me(running, made.secret)), Unauthenticated)
    assert not await listed(running, person.access_token)


async def test_an_expired_token_is_refused(tmp_path: Path) -> None:
    clock = MovedClock()
    async with (
        github_with_repository(tmp_path / "github") as github,
        stack(tmp_path / "data", github, clock=clock) as running,
    ):
        person = await running.sign_in()
        request = pb.CreateTokenRequest(
            name="short", scopes=["account:read"], user_id="me", expire_time=timestamp(clock.now_us() + 60_000_000)
        )
        made = await running.access.CreateToken(request, metadata=person.metadata, timeout=DEADLINE_S)
        await me(running, made.secret)
        clock.ahead_s = 61.0
        assert isinstance(await refusal(me(running, made.secret)), Unauthenticated)
        assert not await listed(running, person.access_token)


async def test_a_token_is_limited_by_the_role_of_whom_it_acts_for_and_dies_with_their_admission(running: Stack) -> None:
    person = await running.sign_in()
    made = await new_token(running, person.access_token, scopes=ALL_OF_A_MEMBER, user_id="me")
    project = await person.add_project()
    await robot(person, made.secret).create(project.project_id)
    await set_role(running, "octocat", VIEWER)
    refused = await refusal(robot(person, made.secret).create(project.project_id))
    assert isinstance(refused, Denied)
    await me(running, made.secret)
    await disallow(running, "octocat")
    assert (await refusal(me(running, made.secret))).reason == "NOT_ADMITTED"


async def test_everybody_lists_their_own_tokens_and_admins_all(running: Stack) -> None:
    person, other = await running.sign_in(), await running.sign_in("hubot")
    for each in (person, other):
        await new_token(running, each.access_token, scopes=["tasks:read"], user_id="me")
    assert [token.user_id for token in await listed(running, person.access_token)] == [person.user.user_id]
    found = await listed(running, running.operator_token, size=2)
    assert [token.name for token in found[:2]] == ["robot", "robot"], "the newest first"
    assert {token.name for token in found[2:]} == {"gateway", "operator", "runners/local"}


async def listed(running: Stack, by: str, size: int = 0) -> list[pb.Token]:
    """Every page of the list."""
    found: list[pb.Token] = []
    page_token = ""
    while True:
        request = pb.ListTokensRequest(page_size=size, page_token=page_token)
        page = await running.access.ListTokens(request, metadata=rpc.bearer(by), timeout=DEADLINE_S)
        found += page.tokens
        page_token = page.next_page_token
        if not page_token:
            return found
