"""`errand` as an operator uses it: runners, the line that makes one, tokens for programs, and people."""

import asyncio
from pathlib import Path

from errand_cli.exits import Exit
from tests.integration.errand_shell import ENDS_S, Shell, shell
from tests.integration.scheduling import Stack, new_task


async def names(operator: Shell) -> dict[str, str]:
    """Runners by name, with their condition."""
    listed = (await operator.errand("runner", "list", "--json")).json["runners"]
    assert isinstance(listed, list)
    return {each["name"]: each["condition"] for each in listed}


async def test_a_runner_is_taken_out_of_service_and_removed(running: Stack, tmp_path: Path) -> None:
    operator = shell(running, running.operator_token, tmp_path)

    assert await names(operator) == {"local": "not_connected"}
    cordoned = await operator.errand("runner", "cordon", "local", "--json")
    assert (cordoned.json["mode"], cordoned.json["condition"]) == ("cordoned", "cordoned")
    drained = await operator.errand("runner", "drain", "local", "--minutes", "5", "--json")
    assert (drained.json["mode"], "drain_time" in drained.json) == ("draining", True)
    shown = await operator.errand("runner", "show", "local")
    assert [word in shown.out for word in ("no, it is being drained", "in 5 min")] == [True] * 2
    assert (await operator.errand("runner", "uncordon", "local", "--json")).json["mode"] == "active"
    listed = await operator.errand("runner", "list")
    assert [word in listed.out for word in ("RUNNER", "local", "not connected", "never")] == [True] * 4
    # The scheduler's own setting names it.
    assert (await operator.errand("runner", "remove", "local")).code == Exit.CONFLICT
    assert (await operator.errand("runner", "revoke", "local", "--json")).json["condition"] == "revoked"
    assert (await operator.errand("runner", "show", "nobody")).code == Exit.NOT_FOUND


async def test_an_operator_sees_what_waits_and_what_is_to_be_seen_to(running: Stack, tmp_path: Path) -> None:
    await new_task(running)
    operator = shell(running, running.operator_token, tmp_path)
    async with asyncio.timeout(ENDS_S):
        # Whether the person may push is asked first.
        while (told := (await operator.errand("status", "--json")).json)["fleet"]["pending_tasks"] != {"runners": 1}:  # type: ignore[index]
            pass

    # A runner that never came is not missed.
    assert told["for_a_person"] == []
    assert int(told["fleet"]["disk_free_bytes"]) > 0  # type: ignore[index]
    assert (await operator.errand("status", "--check")).code == Exit.DONE
    await operator.errand("runner", "revoke", "local")
    checked = await operator.errand("status", "--check")
    assert (checked.code, (await operator.errand("status")).code) == (Exit.WAITS, Exit.DONE)
    assert [word in checked.out for word in ("runners 1", "see to", "its credential is revoked")] == [True] * 3


async def test_the_line_for_a_new_host_is_printed_once_listed_and_revoked(running: Stack, tmp_path: Path) -> None:
    operator = shell(running, running.operator_token, tmp_path)

    made = await operator.errand("runner", "token", "create", "--label", "gpu=no", "--scheduler", "errand.lan:9000")

    assert made.out.startswith("errand-runner join --key-file FILE 'errand-join-")
    assert len(made.out.splitlines()) == 1
    waiting = (await operator.errand("runner", "token", "list", "--json")).json["join_tokens"]
    assert isinstance(waiting, list)
    known = waiting[0]
    assert len(waiting) == 1
    assert known["labels"] == {"gpu": "no"}
    assert made.out.split("'")[1] not in (await operator.errand("runner", "token", "list")).out
    assert (await operator.errand("runner", "token", "revoke", known["join_token_id"])).code == 0
    assert (await operator.errand("runner", "token", "list", "--json")).json["join_tokens"] == []
    assert (await operator.errand("runner", "token", "create", "--label", "gpu")).code == Exit.USAGE


async def test_a_line_that_no_other_host_could_follow_says_so_beside_it(running: Stack, tmp_path: Path) -> None:
    operator = shell(running, running.operator_token, tmp_path)

    here = await operator.errand("runner", "token", "create")
    there = await operator.errand("runner", "token", "create", "--scheduler", "192.0.2.7:7443")

    assert (here.code, f"{running.address}, which other hosts do not reach" in here.err) == (0, True)
    assert (there.code, there.err) == (0, "")


async def test_on_the_schedulers_own_host_nobody_signs_in(running: Stack, tmp_path: Path) -> None:
    there = Shell({"HOME": str(tmp_path), "ERRAND_DATA": str(running.data)})

    assert await names(there) == {"local": "not_connected"}


async def test_a_person_makes_a_token_that_reads_and_no_more_until_it_is_revoked(
    running: Stack, tmp_path: Path
) -> None:
    person = await running.sign_in()
    task = await person.create((await person.add_project()).project_id)
    mine = shell(running, person.access_token, tmp_path)

    made = await mine.errand("token", "create", "reader", "--scope", "tasks:read", "--days", "2")
    program = shell(running, made.out.strip(), tmp_path)

    assert task.task_id in (await program.errand("task", "list")).out
    assert (await program.errand("task", "stop", task.task_id)).code == Exit.DENIED
    assert (await program.errand("status")).code == 0
    listed = await mine.errand("token", "list")
    assert ("reader" in listed.out, made.out.strip() in listed.out) == (True, False)
    assert (await mine.errand("token", "revoke", "none")).code == Exit.NOT_FOUND
    assert (await mine.errand("token", "revoke", "reader")).code == 0
    assert (await program.errand("task", "list")).code == Exit.DENIED


async def test_an_operator_makes_a_token_for_a_person_by_name(running: Stack, tmp_path: Path) -> None:
    person = await running.sign_in()
    task = await person.create((await person.add_project()).project_id)
    operator = shell(running, running.operator_token, tmp_path)

    made = await operator.errand("token", "create", "laptop", "--user", "Octocat", "--scope", "tasks:read")

    assert task.task_id in (await shell(running, made.out.strip(), tmp_path).errand("task", "list")).out
    nobody = await operator.errand("token", "create", "laptop", "--user", "ada", "--scope", "tasks:read")
    assert nobody.code == Exit.NOT_FOUND


async def test_people_are_let_in_given_a_role_and_shut_out(running: Stack, tmp_path: Path) -> None:
    await running.sign_in()
    operator = shell(running, running.operator_token, tmp_path)

    assert (await operator.errand("user", "allow", "ada", "--role", "viewer")).code == 0
    assert (await operator.errand("user", "allow", "acme", "--organisation")).code == 0
    assert (await operator.errand("user", "role", "octocat", "admin")).code == 0
    assert (await operator.errand("user", "role", "ada", "king")).code == Exit.USAGE
    told = (await operator.errand("user", "list", "--json")).json
    assert [(each["user"]["github_username"], each["user"]["role"]) for each in told["users"]] == [("octocat", "admin")]  # type: ignore[attr-defined]
    rules = {each.get("github_username") or each["github_organisation"]: each["role"] for each in told["admissions"]}  # type: ignore[attr-defined]
    assert rules == {"ada": "viewer", "acme": "member"}
    assert (await operator.errand("user", "disallow", "ada")).code == 0
    listed = (await operator.errand("user", "list")).out
    assert [line.split()[2] for line in listed.splitlines() if line.startswith("ada")] == ["no"]
    assert [line.split()[:4] for line in listed.splitlines() if line.startswith("octocat")] == [
        ["octocat", "admin", "yes", "setting"]
    ]
    await running.sign_in("hubot")
    out = await operator.errand("user", "disallow", "hubot")
    assert "hubot is shut out; ERRAND_ALLOWED_USERS still names them" in out.out
