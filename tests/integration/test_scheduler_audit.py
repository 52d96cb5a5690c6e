"""Who changed what is noted: those changes that `test_scheduler_replays` does not make, and by which token."""

from collections.abc import Sequence
from pathlib import Path

from errand.v1 import access_service_pb2 as pb
from errand.v1 import account_service_pb2 as accounts
from errand.v1 import fleet_service_pb2 as fleet
from errand.v1.account_service_pb2_grpc import AccountServiceStub
from errand.v1.fleet_service_pb2_grpc import FleetServiceStub
from errand_common import rpc
from tests.integration.access import new_token, robot
from tests.integration.scheduling import (
    DEADLINE_S,
    Stack,
    github_with_repository,
    single_user_settings,
    stack,
)
from tests.integration.test_scheduler_replays import NOT_REPEATABLE, action_of

ELSEWHERE = {
    "CheckJoinToken": "it changes nothing",
    "GetFleet": "it changes nothing",
    "Leave": "a runner that joined, alone; tests/unit/scheduler/test_runner_modes.py",
    "RedeemSignInLink": "in single-user mode alone; the next test",
}


async def test_what_cannot_be_repeated_is_noted_too(running: Stack) -> None:
    operator, gateway = rpc.bearer(running.operator_token), rpc.bearer(running.gateway_token)
    account, runners = AccountServiceStub(running.channel), FleetServiceStub(running.channel)
    person = await running.sign_in(link_secret=await running.make_link())
    await new_token(running, running.operator_token, scopes=["fleet:admin"])
    join = fleet.CreateJoinTokenRequest(scheduler="errand.test:7443")
    await runners.CreateJoinToken(join, metadata=operator, timeout=DEADLINE_S)
    async for _ in runners.Backup(fleet.BackupRequest(), metadata=operator, timeout=DEADLINE_S):
        pass
    refresh = accounts.RefreshSessionRequest(refresh_token=person.refresh_token)
    fresh = await account.RefreshSession(refresh, metadata=gateway, timeout=DEADLINE_S)
    session = rpc.bearer(fresh.tokens.access_token)
    await account.EndSession(accounts.EndSessionRequest(), metadata=session, timeout=DEADLINE_S)
    missing = {"Backup", *NOT_REPEATABLE} - set(ELSEWHERE)
    noted = {each.action for each in await entries(running)}
    assert {name for name in missing if action_of(name) not in noted} == set()


async def test_the_owners_way_in_is_noted(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        wanted = single_user_settings(tmp_path / "data", github, github.issue_token("octocat"))
        async with stack(tmp_path / "data", github, wanted=wanted) as running:
            owner = await running.redeem(await running.make_link())
            newest = (await entries(running))[0]
            assert (newest.caller, newest.action) == ("gateway", "redeem_sign_in_link")
            assert newest.subject_id == owner.user.user_id


async def test_what_a_token_does_for_its_person_is_noted_with_its_name(running: Stack) -> None:
    person = await running.sign_in()
    made = await new_token(
        running, person.access_token, scopes=["tasks:write", "account:write"], user_id="me", name="nightly"
    )
    program = robot(person, made.secret)
    task = await program.create((await program.add_project()).project_id)
    await program.add_input(task.task_id, "and this")
    await person.stop(task.task_id)
    found = [(each.caller, each.token_name, each.action) for each in (await entries(running))[:4]]
    me = person.user.user_id
    assert found == [
        (me, "", "stop_task"),
        (me, "nightly", "add_input"),
        (me, "nightly", "create_task"),
        (me, "nightly", "create_project"),
    ]


async def entries(running: Stack) -> Sequence[pb.AuditEntry]:
    """The newest of the log, newest first."""
    request = pb.ListAuditEntriesRequest(page_size=500)
    operator = rpc.bearer(running.operator_token)
    return (await running.access.ListAuditEntries(request, metadata=operator, timeout=DEADLINE_S)).entries
