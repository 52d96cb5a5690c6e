"""A project's secrets are the owner's to set, and lent under a live lease alone."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from errand.v1 import account_service_pb2 as accounts
from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1 import runner_pb2
from tests.integration.refused import refusal
from tests.integration.scheduling import IDS, Person, ScriptedRunner, Stack, github_with_repository, settings, stack

VALUE = "canary-0123456789abcdef"


async def put(
    person: Person, project_id: str, name: str, value: str = VALUE, *, may_read: bool = False, request_id: str = ""
) -> accounts.ProjectSecret:
    request = accounts.SetProjectSecretRequest(
        request_id=request_id, project_id=project_id, name=name, value=value, agent_may_read=may_read
    )
    return (await person.accounts.SetProjectSecret(request, metadata=person.metadata)).secret


async def remove(person: Person, project_id: str, name: str) -> None:
    request = accounts.RemoveProjectSecretRequest(project_id=project_id, name=name)
    await person.accounts.RemoveProjectSecret(request, metadata=person.metadata)


async def listed(person: Person, project_id: str) -> list[tuple[str, bool]]:
    request = accounts.ListProjectSecretsRequest(project_id=project_id)
    found = await person.accounts.ListProjectSecrets(request, metadata=person.metadata)
    return [(each.name, each.agent_may_read) for each in found.secrets]


async def lent(runner: ScriptedRunner, request: dispatch.LendSecretsRequest) -> list[tuple[str, str, bool]]:
    found = await runner.stub.LendSecrets(request, metadata=runner.metadata)
    return [(each.name, each.value, each.agent_may_read) for each in found.secrets]


def everything_stored(running: Stack) -> bytes:
    return b"".join(path.read_bytes() for path in running.data.rglob("*") if path.is_file())


async def test_it_is_set_replaced_and_removed_and_its_value_is_given_back_to_nobody(running: Stack) -> None:
    person = await running.sign_in()
    project_id = (await person.add_project()).project_id
    made = await put(person, project_id, "NPM_TOKEN")
    assert (made.name, made.agent_may_read) == ("NPM_TOKEN", False)
    assert made.HasField("set_time")
    await put(person, project_id, "DB_KEY", may_read=True)
    await put(person, project_id, "NPM_TOKEN", "another-value", may_read=True)
    assert await listed(person, project_id) == [("DB_KEY", True), ("NPM_TOKEN", True)]
    await remove(person, project_id, "NPM_TOKEN")
    await remove(person, project_id, "NPM_TOKEN")
    assert await listed(person, project_id) == [("DB_KEY", True)]
    fields = {field.name for field in accounts.ProjectSecret.DESCRIPTOR.fields}
    assert fields == {"name", "agent_may_read", "set_time"}


async def test_no_value_stands_in_what_is_kept_nor_can_one_be_tried_against_it(running: Stack) -> None:
    person = await running.sign_in()
    project_id = (await person.add_project()).project_id
    await put(person, project_id, "NPM_TOKEN", request_id="a-request")
    with closing(sqlite3.connect(running.data / "errand.db")) as connection:
        hashes = connection.execute("SELECT request_hash FROM idempotency_keys").fetchall()
    assert VALUE.encode() not in everything_stored(running)
    assert b"NPM_TOKEN" in everything_stored(running)
    await put(person, project_id, "NPM_TOKEN", "another-value", request_id="a-request")
    with closing(sqlite3.connect(running.data / "errand.db")) as connection:
        assert connection.execute("SELECT request_hash FROM idempotency_keys").fetchall() == hashes


async def test_nobody_else_may_see_or_change_them(running: Stack) -> None:
    ann, bob = await running.sign_in(), await running.sign_in("hubot")
    project_id = (await ann.add_project()).project_id
    await put(ann, project_id, "NPM_TOKEN")
    for project in (project_id, IDS.new("prj")):
        assert (await refusal(put(bob, project, "NPM_TOKEN", "of-somebody-else"))).reason == "NOT_FOUND"
        assert (await refusal(remove(bob, project, "NPM_TOKEN"))).reason == "NOT_FOUND"
        assert (await refusal(listed(bob, project))).reason == "NOT_FOUND"
    assert await listed(ann, project_id) == [("NPM_TOKEN", False)]


async def test_what_breaks_a_rule_changes_nothing(running: Stack) -> None:
    person = await running.sign_in()
    project_id = (await person.add_project()).project_id
    for name, value in (("PATH", VALUE), ("npm", VALUE), ("NPM_TOKEN", "short"), ("NPM_TOKEN", "x" * 16_385)):
        assert (await refusal(put(person, project_id, name, value))).reason == "INVALID", name
    assert await listed(person, project_id) == []
    for number in range(4):
        await put(person, project_id, f"BIG_{number}", "x" * 16_384)
    assert (await refusal(put(person, project_id, "MORE"))).reason == "INVALID"
    await put(person, project_id, "BIG_0", "y" * 16_384)
    assert len(await listed(person, project_id)) == 4


async def test_a_project_has_fifty(running: Stack) -> None:
    person = await running.sign_in()
    project_id = (await person.add_project()).project_id
    await asyncio.gather(*(put(person, project_id, f"NUMBER_{number}") for number in range(50)))
    assert (await refusal(put(person, project_id, "MORE"))).reason == "INVALID"
    await put(person, project_id, "NUMBER_7", "another-value")


async def test_they_are_lent_to_the_attempt_under_its_lease_and_to_no_other(running: Stack) -> None:
    person = await running.sign_in()
    project_id = (await person.add_project()).project_id
    await put(person, project_id, "FOR_SETUP")
    await put(person, project_id, "MARKED", "another-value", may_read=True)
    await person.create(project_id)
    async with running.runner() as runner:
        assignment = await runner.next_assignment()
        request = dispatch.LendSecretsRequest(session_id=runner.session_id, attempt=assignment.attempt)
        assert (await refusal(lent(runner, request))).reason == "WRONG_STATE", "it is only offered"
        await runner.accept(assignment.attempt)
        assert await lent(runner, request) == [("FOR_SETUP", VALUE, False), ("MARKED", "another-value", True)]
        assert VALUE not in str(assignment)
        older = dispatch.LendSecretsRequest(session_id=runner.session_id, attempt=assignment.attempt)
        older.attempt.fence -= 1
        assert (await refusal(lent(runner, older))).reason == "LEASE_SUPERSEDED"
        await runner.finish(assignment.attempt)
        assert (await refusal(lent(runner, request))).reason == "LEASE_SUPERSEDED"


async def test_none_is_lent_without_a_lease_that_was_renewed_lately(tmp_path: Path) -> None:
    async with (
        github_with_repository(tmp_path / "github") as github,
        stack(tmp_path / "data", github, beat_s=0.5) as running,
        running.runner() as runner,
    ):
        person = await running.sign_in()
        project_id = (await person.add_project()).project_id
        await put(person, project_id, "NPM_TOKEN")
        task = await person.create(project_id)
        ref = (await runner.take()).attempt
        watch = person.watch(task.task_id)
        while "not heard of" not in (await watch.next()).event.body.task_status_changed.status_reason:
            continue
        watch.cancel()
        request = dispatch.LendSecretsRequest(session_id=runner.session_id, attempt=ref)
        assert (await refusal(lent(runner, request))).reason == "UNAVAILABLE"
        await runner.beat(ref)
        assert await lent(runner, request) == [("NPM_TOKEN", VALUE, False)]


async def test_none_is_lent_for_an_owner_who_is_admitted_no_more(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with github_with_repository(tmp_path / "github") as github:
        async with stack(data, github) as before:
            person = await before.sign_in()
            project_id = (await person.add_project()).project_id
            await put(person, project_id, "NPM_TOKEN")
            await person.create(project_id)
            async with before.runner() as runner:
                ref = (await runner.take()).attempt
        without = settings(data, github, ERRAND_ALLOWED_USERS="hubot")
        async with stack(data, github, wanted=without) as after:
            runner = after.runner(nonce="process-2")
            await runner.open([runner_pb2.HeldAttempt(attempt=ref)])
            await runner.beat(ref)
            request = dispatch.LendSecretsRequest(session_id=runner.session_id, attempt=ref)
            assert (await refusal(lent(runner, request))).reason == "NOT_ADMITTED"


async def test_another_value_has_another_id(running: Stack) -> None:
    person = await running.sign_in()
    project_id = (await person.add_project()).project_id
    await person.create(project_id)
    async with running.runner() as runner:
        assignment = await runner.next_assignment()
        await runner.accept(assignment.attempt)
        request = dispatch.LendSecretsRequest(session_id=runner.session_id, attempt=assignment.attempt)
        ids = []
        for value in ("first-value", "second-value"):
            await put(person, project_id, "NPM_TOKEN", value)
            (secret,) = (await runner.stub.LendSecrets(request, metadata=runner.metadata)).secrets
            assert secret.value == value
            ids.append(secret.secret_id)
    assert ids[0] != ids[1]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE project_secrets SET agent_may_read = 1",
        "UPDATE project_secrets SET name = 'OTHER'",
        "UPDATE project_secrets SET sealed_value = (SELECT sealed_github_token FROM users)",
    ],
)
async def test_one_that_was_moved_or_marked_in_the_database_is_not_lent(running: Stack, change: str) -> None:
    person = await running.sign_in()
    project_id = (await person.add_project()).project_id
    await put(person, project_id, "NPM_TOKEN")
    await person.create(project_id)
    async with running.runner() as runner:
        assignment = await runner.next_assignment()
        await runner.accept(assignment.attempt)
        with closing(sqlite3.connect(running.data / "errand.db")) as connection, connection:
            connection.execute(change)
        request = dispatch.LendSecretsRequest(session_id=runner.session_id, attempt=assignment.attempt)
        refused = await refusal(lent(runner, request))
    assert refused.reason == "WRONG_STATE"
    assert "set" in refused.message
    assert VALUE not in refused.message


async def test_who_set_and_removed_it_is_noted(running: Stack) -> None:
    person = await running.sign_in()
    project_id = (await person.add_project()).project_id
    await put(person, project_id, "NPM_TOKEN")
    await remove(person, project_id, "NPM_TOKEN")
    with closing(sqlite3.connect(f"file:{running.data / 'errand.db'}?mode=ro", uri=True)) as connection:
        noted = connection.execute(
            "SELECT caller, action FROM audit_log WHERE action LIKE '%project_secret' ORDER BY action DESC"
        ).fetchall()
    assert noted == [(person.user.user_id, "set_project_secret"), (person.user.user_id, "remove_project_secret")]
