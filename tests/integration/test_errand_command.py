"""`errand` as a person and a script use it: the real program, over TLS, at a real scheduler."""

import asyncio
import json
import tarfile
from pathlib import Path

import pytest

from errand.v1 import task_pb2
from errand_cli.exits import Exit
from tests.certificates import identity
from tests.integration.errand_shell import Shell, shell
from tests.integration.scheduling import Stack, inputs_event, new_task, phase_event
from tests.integration.waiting import QUESTION, waits


async def test_a_pasted_token_is_tried_kept_for_its_owner_alone_and_forgotten(running: Stack, tmp_path: Path) -> None:
    person = await running.sign_in()
    bare = Shell({"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")})
    at = ("--scheduler", running.address, "--ca-file", str(running.data / "tls" / "ca.pem"), "--token-file", "-")
    kept = tmp_path / "config" / "errand" / "profile.json"

    refused = await bare.errand("login", *at, stdin="ers_wrong\n")
    assert (refused.code, kept.exists()) == (Exit.DENIED, False)

    told = await bare.errand("login", *at, stdin=f"{person.access_token}\n")
    assert (told.code, "signed in at" in told.out, "as octocat" in told.out) == (0, True, True)
    assert kept.stat().st_mode & 0o777 == 0o600
    assert person.access_token not in told.out + told.err
    assert (await bare.errand("status", "--json")).json["github_username"] == "octocat"

    assert (await bare.errand("logout")).code == 0
    out = await bare.errand("task", "list")
    assert (out.code, "run errand login" in out.err) == (Exit.DENIED, True)


async def test_a_task_is_sent_read_added_to_stopped_and_sent_on(running: Stack, tmp_path: Path) -> None:
    person = await running.sign_in()
    await person.add_project()
    mine = shell(running, person.access_token, tmp_path)

    created = await mine.errand("task", "create", "Octocat/demo", "-", "--dollars", "1.5", stdin="make it green")
    task_id = created.out.strip()
    stored = await person.task(task_id)
    assert (stored.prompt, stored.allowance.cost_nanodollars) == ("make it green", 1_500_000_000)

    listed = await mine.errand("task", "list")
    assert [word in listed.out for word in (task_id, "pending", "octocat/demo", "make it green")] == [True] * 4
    assert [each["task_id"] for each in (await mine.errand("task", "list", "--json")).json["tasks"]] == [task_id]  # type: ignore[attr-defined]
    assert (await mine.errand("task", "show", task_id, "--json")).json["status"] == "pending"
    explained = await mine.errand("task", "explain", task_id)
    assert (explained.code, "local" in explained.out) == (0, True)
    await mine.errand("task", "input", task_id, "and blue")
    assert (await mine.errand("task", "stop", task_id, "--json")).json["status"] == "cancelled"
    assert (await mine.errand("task", "retry", task_id)).out.startswith(f"{task_id} is pending")


async def test_a_project_is_added_listed_and_shown(running: Stack, tmp_path: Path) -> None:
    person = await running.sign_in()
    mine = shell(running, person.access_token, tmp_path)

    assert (await mine.errand("project", "list", "--json")).json == {"projects": []}
    added = [await mine.errand("project", "add", "octocat/demo") for _ in range(2)]

    assert [said.out.startswith("octocat/demo is a project of yours (prj_") for said in added] == [True] * 2
    assert len((await mine.errand("project", "list")).out.splitlines()) == 2
    shown = await mine.errand("project", "show", "Octocat/demo")
    assert [word in shown.out for word in ("octocat/demo (prj_", "main", "allow list packages")] == [True] * 3
    assert (await mine.errand("project", "add", "octocat/none")).code == Exit.NOT_FOUND
    assert (await mine.errand("project", "show", "octocat/none")).code == Exit.NOT_FOUND


@pytest.mark.parametrize(
    ("phase", "status", "code"),
    [
        (task_pb2.ATTEMPT_PHASE_SUCCEEDED, "completed", Exit.DONE),
        (task_pb2.ATTEMPT_PHASE_FAILED, "failed", Exit.FAILED),
    ],
)
async def test_a_watch_ends_as_its_task_does(
    running: Stack, tmp_path: Path, phase: int, status: str, code: Exit
) -> None:
    person, task = await new_task(running)
    mine = shell(running, person.access_token, tmp_path)
    async with running.runner() as runner, asyncio.TaskGroup() as group:
        for_script = group.create_task(mine.errand("task", "watch", task.task_id, "--json"))
        for_people = group.create_task(mine.errand("task", "watch", task.task_id))
        taken = await runner.take()
        await runner.send(taken.attempt, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING), inputs_event(taken))
        failure = task_pb2.FAILURE_REASON_PUSH if phase == task_pb2.ATTEMPT_PHASE_FAILED else 0
        await runner.finish(taken.attempt, phase, failure=failure, reason="no pushes today" if failure else "")

    told = [json.loads(line) for line in for_script.result().out.splitlines()]
    moved = [
        each["event"]["detail"]["status"] for each in told if each.get("event", {}).get("kind") == "task_status_changed"
    ]
    assert (list(dict.fromkeys(moved)), for_script.result().code) == (["pending", "running", status], code)
    assert (for_people.result().code, f"task  {status}" in for_people.result().out) == (code, True)


async def test_a_watch_ends_where_the_task_waits_for_a_person(running: Stack, tmp_path: Path) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        await waits(runner, QUESTION)
        told = await shell(running, person.access_token, tmp_path).errand("task", "watch", task.task_id)

        stands = await shell(running, person.access_token, tmp_path).errand("status", "--check")

    assert (told.code, "left or right?" in told.out) == (Exit.WAITS, True)
    assert (stands.code, f"{task.task_id} waits" in stands.out) == (Exit.WAITS, True)


async def test_each_refusal_has_its_code_and_its_words(running: Stack, tmp_path: Path) -> None:
    person, task = await new_task(running)
    mine = shell(running, person.access_token, tmp_path)
    other = shell(running, (await running.sign_in("hubot")).access_token, tmp_path)
    another_ca = tmp_path / "another.pem"
    another_ca.write_bytes(identity().ca)

    found = {
        "another's": await other.errand("task", "show", task.task_id),
        "unknown project": await mine.errand("task", "create", "octocat/none", "go"),
        "blank": await mine.errand("task", "create", "octocat/demo", " "),
        "no such option": await mine.errand("task", "list", "--none"),
        "not allowed": await mine.errand("backup", str(tmp_path / "backup.tar")),
        "bad token": await mine.errand("status", ERRAND_TOKEN="ers_wrong"),
        "no answer to it": await mine.errand("task", "input", task.task_id, "yes", "--kind", "answer"),
        "nobody there": await mine.errand("status", ERRAND_SCHEDULER="127.0.0.1:1"),
        "another CA": await mine.errand("status", ERRAND_CA_FILE=str(another_ca)),
    }

    assert {name: said.code for name, said in found.items()} == {
        "another's": Exit.NOT_FOUND,
        "unknown project": Exit.NOT_FOUND,
        "blank": Exit.USAGE,
        "no such option": Exit.USAGE,
        "not allowed": Exit.DENIED,
        "bad token": Exit.DENIED,
        "no answer to it": Exit.CONFLICT,
        "nobody there": Exit.UNAVAILABLE,
        "another CA": Exit.UNAVAILABLE,
    }
    assert "octocat/demo" in found["unknown project"].err
    assert "asked at 127.0.0.1:1" in found["nobody there"].err
    assert "errand login takes another certificate" in found["another CA"].err
    assert not (tmp_path / "backup.tar").exists()


async def test_an_operator_writes_a_backup(running: Stack, tmp_path: Path) -> None:
    operator = shell(running, running.operator_token, tmp_path)
    file = tmp_path / "errand.tar"

    written = await operator.errand("backup", str(file), "--json")

    assert (written.code, written.json["size_bytes"]) == (0, file.stat().st_size)
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as archive:
        assert archive.getnames()
