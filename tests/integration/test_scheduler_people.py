"""Who is let in, who is shut out, and as what."""

import asyncio
from pathlib import Path

from errand.v1 import access_service_pb2 as pb
from errand.v1 import account_service_pb2
from errand_common import rpc
from errand_common.errors import Conflict, Denied, Invalid, NotFound
from tests.integration.access import ADMIN, MEMBER, VIEWER, allow, disallow, me, new_token, set_role
from tests.integration.moved_clock import MovedClock
from tests.integration.refused import refusal
from tests.integration.scheduling import DEADLINE_S, Stack, github_with_repository, stack


async def test_the_first_to_come_by_a_link_is_an_admin_and_the_next_a_member(running: Stack) -> None:
    first = await running.sign_in("grace", link_secret=await running.make_link())
    second = await running.sign_in("linus", link_secret=await running.make_link())
    assert (first.user.role, second.user.role) == (ADMIN, MEMBER)
    assert (await me(running, first.access_token)).role == ADMIN
    await running.access.ListUsers(pb.ListUsersRequest(), metadata=first.metadata, timeout=DEADLINE_S)
    listing = running.access.ListUsers(pb.ListUsersRequest(), metadata=second.metadata, timeout=DEADLINE_S)
    assert isinstance(await refusal(listing), Denied)


async def test_whoever_is_known_already_becomes_the_first_admin_by_a_link_too(running: Stack) -> None:
    before = await running.sign_in()
    assert before.user.role == MEMBER
    again = await running.sign_in(link_secret=await running.make_link())
    assert (again.user.user_id, again.user.role) == (before.user.user_id, ADMIN)
    assert (await me(running, before.access_token)).role == ADMIN, "their other session knows it"


async def test_an_account_that_is_let_in_by_name_signs_in_with_the_role_that_it_was_given(running: Stack) -> None:
    assert (await refusal(running.sign_in("grace"))).reason == "NOT_ADMITTED"
    await allow(running, "Grace", VIEWER)
    person = await running.sign_in("grace")
    assert person.user.role == VIEWER
    assert not (await people(running)).admissions, "from then on it is the account's own, whatever it is called"
    assert await admitted(running) == {"grace": True}


async def test_who_is_shut_out_is_refused_at_once_however_they_came_in(running: Stack) -> None:
    named, by_link = await running.sign_in(), await running.sign_in("grace", link_secret=await running.make_link())
    await running.sign_in("linus", link_secret=await running.make_link())
    await set_role(running, "linus", ADMIN)
    for person, login in ((named, "octocat"), (by_link, "grace")):
        await me(running, person.access_token)
        for _ in range(2):
            await disallow(running, login)
        assert (await refusal(me(running, person.access_token))).reason == "NOT_ADMITTED"
        link = await running.make_link()
        assert (await refusal(running.sign_in(login, link_secret=link))).reason == "NOT_ADMITTED"
        await allow(running, login)
        await me(running, person.access_token)


async def test_a_name_that_is_shut_out_before_it_came_is_refused_though_the_setting_names_it(running: Stack) -> None:
    await disallow(running, "octocat")
    assert (await refusal(running.sign_in())).reason == "NOT_ADMITTED"
    await allow(running, "octocat")
    await running.sign_in()


async def test_a_role_counts_from_the_next_call_on(running: Stack) -> None:
    person = await running.sign_in()
    project = await person.add_project()
    await set_role(running, "octocat", VIEWER)
    refused = await refusal(person.create(project.project_id))
    assert isinstance(refused, Denied)
    assert "tasks:write" in refused.message
    assert (await me(running, person.access_token)).role == VIEWER
    await set_role(running, "octocat", ADMIN)
    await person.create(project.project_id)
    await new_token(running, person.access_token, scopes=["fleet:admin"])


async def test_the_last_admin_stays(running: Stack) -> None:
    await running.sign_in("grace", link_secret=await running.make_link())
    assert isinstance(await refusal(set_role(running, "grace", MEMBER)), Conflict)
    assert isinstance(await refusal(disallow(running, "grace")), Conflict)
    await running.sign_in()
    await set_role(running, "octocat", ADMIN)
    await set_role(running, "grace", MEMBER)
    assert {user.user.github_username: user.user.role for user in (await people(running)).users} == {
        "grace": MEMBER,
        "octocat": ADMIN,
    }


async def test_whoever_is_in_an_organisation_comes_in_until_it_is_taken_off(running: Stack) -> None:
    running.github.add_user("grace")
    running.github.add_member("acme", "grace")
    assert (await refusal(running.sign_in("grace"))).reason == "NOT_ADMITTED"
    operator = rpc.bearer(running.operator_token)
    request = pb.AllowUserRequest(github_organisation="Acme", role=VIEWER)
    await running.access.AllowUser(request, metadata=operator, timeout=DEADLINE_S)
    assert (await refusal(running.sign_in("grace"))).reason == "NOT_ADMITTED", "the token may not see organisations"
    person = await running.sign_in("grace", scopes=("repo", "read:org"))
    assert person.user.role == VIEWER
    assert (await refusal(running.sign_in("linus", scopes=("repo", "read:org")))).reason == "NOT_ADMITTED"
    off = pb.DisallowUserRequest(github_organisation="acme")
    await running.access.DisallowUser(off, metadata=operator, timeout=DEADLINE_S)
    assert (await refusal(me(running, person.access_token))).reason == "NOT_ADMITTED"


async def test_who_leaves_an_organisation_is_found_and_cut_off(tmp_path: Path) -> None:
    clock = MovedClock()
    async with (
        github_with_repository(tmp_path / "github") as github,
        stack(tmp_path / "data", github, beat_s=0.05, clock=clock) as running,
    ):
        github.add_user("grace")
        github.add_member("acme", "grace")
        operator = rpc.bearer(running.operator_token)
        request = pb.AllowUserRequest(github_organisation="acme")
        await running.access.AllowUser(request, metadata=operator, timeout=DEADLINE_S)
        watch = (await running.sign_in("grace", scopes=("repo", "read:org"))).watch()
        assert not await watch.until_caught_up()

        github.remove_member("acme", "grace")
        clock.ahead_s += 2 * 3600

        assert "no longer admitted" in (await refusal(asyncio.wait_for(watch.next(), DEADLINE_S))).message
        assert (await refusal(running.sign_in("grace", scopes=("repo", "read:org")))).reason == "NOT_ADMITTED"


async def test_what_is_asked_wrongly_is_refused_in_words(running: Stack) -> None:
    operator = rpc.bearer(running.operator_token)
    nobody = running.access.AllowUser(pb.AllowUserRequest(), metadata=operator, timeout=DEADLINE_S)
    assert "say whom" in (await refusal(nobody)).message
    assert isinstance(await refusal(allow(running, "no body")), Invalid)
    assert isinstance(await refusal(set_role(running, "grace", MEMBER)), NotFound)
    unspecified = pb.SetRoleRequest(github_username="grace")
    asked = running.access.SetRole(unspecified, metadata=operator, timeout=DEADLINE_S)
    assert "use viewer, member, admin" in (await refusal(asked)).message


async def test_people_are_listed_with_what_lets_them_in(running: Stack) -> None:
    for login in ("octocat", "hubot"):
        await running.sign_in(login)
    await allow(running, "grace", ADMIN)
    await disallow(running, "mallory")
    first = await people(running, size=1)
    assert [each.user.github_username for each in first.users] == ["hubot"]
    said = {each.github_username: (each.allowed, each.role, each.made_by) for each in first.admissions}
    assert said == {"grace": (True, ADMIN, "operator"), "mallory": (False, MEMBER, "operator")}
    assert list(first.github_usernames_of_the_setting) == ["hubot", "octocat"]
    second = await people(running, size=1, page_token=first.next_page_token)
    assert [each.user.github_username for each in second.users] == ["octocat"]
    assert (second.next_page_token, list(second.admissions)) == ("", [])


async def test_who_changed_what_is_listed_newest_first(running: Stack) -> None:
    await running.sign_in("grace", link_secret=await running.make_link())
    await set_role(running, "grace", ADMIN)
    await allow(running, "linus")
    person = await running.sign_in()
    await new_token(running, person.access_token, scopes=["tokens:read", "tokens:write"], user_id="me")
    found: list[pb.AuditEntry] = []
    page_token = ""
    while True:
        request = pb.ListAuditEntriesRequest(page_size=2, page_token=page_token)
        operator = rpc.bearer(running.operator_token)
        page = await running.access.ListAuditEntries(request, metadata=operator, timeout=DEADLINE_S)
        found += page.entries
        page_token = page.next_page_token
        if not page_token:
            break
    assert [(each.caller, each.action) for each in found] == [
        (person.user.user_id, "create_token"),
        ("gateway", "complete_sign_in"),
        ("operator", "allow_user"),
        ("gateway", "complete_sign_in"),
        ("operator", "create_sign_in_link"),
    ]
    assert found[2].subject_id == "linus"


async def test_a_session_of_somebody_shut_out_does_not_renew_their_way_in(running: Stack) -> None:
    person = await running.sign_in()
    await disallow(running, "octocat")
    request = account_service_pb2.RefreshSessionRequest(refresh_token=person.refresh_token)
    gateway = rpc.bearer(running.gateway_token)
    fresh = await person.accounts.RefreshSession(request, metadata=gateway, timeout=DEADLINE_S)
    assert (await refusal(me(running, fresh.tokens.access_token))).reason == "NOT_ADMITTED"


async def people(running: Stack, size: int = 0, page_token: str = "") -> pb.ListUsersResponse:
    request = pb.ListUsersRequest(page_size=size, page_token=page_token)
    return await running.access.ListUsers(request, metadata=rpc.bearer(running.operator_token), timeout=DEADLINE_S)


async def admitted(running: Stack) -> dict[str, bool]:
    return {each.user.github_username: each.admitted for each in (await people(running)).users}
