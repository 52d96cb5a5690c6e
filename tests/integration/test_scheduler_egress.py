"""What a project's tasks reach is its owner's to say, and is heard by those that are at work."""

import pytest

from errand.v1 import account_service_pb2 as accounts
from errand.v1 import event_pb2, runner_pb2, task_pb2
from errand.v1 import task_service_pb2 as tasks
from errand_scheduler.lifecycle.records import MOST_BLOCKED
from tests.integration.refused import refusal
from tests.integration.scheduling import Person, Stack

ALLOW_LIST, NONE, OPEN = task_pb2.EGRESS_MODE_ALLOW_LIST, task_pb2.EGRESS_MODE_NONE, task_pb2.EGRESS_MODE_OPEN


async def change(person: Person, project_id: str, egress: task_pb2.Egress) -> task_pb2.Egress:
    request = accounts.UpdateProjectRequest(project_id=project_id, egress=egress)
    return (await person.accounts.UpdateProject(request, metadata=person.metadata)).project.egress


async def allow(person: Person, project_id: str, host: str) -> task_pb2.Egress:
    request = accounts.AllowHostRequest(project_id=project_id, host=host)
    return (await person.accounts.AllowHost(request, metadata=person.metadata)).project.egress


def used(host: str, outcome: int) -> runner_pb2.AttemptEvent:
    use = event_pb2.EgressUse(host=host, outcome=outcome, connections=1)  # type: ignore[arg-type]
    return runner_pb2.AttemptEvent(body=event_pb2.EventBody(egress_used=event_pb2.EgressUsed(uses=[use])))


async def test_a_new_project_allows_the_package_registries(running: Stack) -> None:
    person = await running.sign_in()
    egress = (await person.add_project()).egress
    request = accounts.ListEgressPresetsRequest()
    presets = (await person.accounts.ListEgressPresets(request, metadata=person.metadata)).presets
    packages = next(each for each in presets if each.name == "packages")
    assert (egress.mode, list(egress.presets), list(egress.hosts)) == (ALLOW_LIST, ["packages"], [])
    assert egress.allowed_hosts == packages.hosts
    assert {host for each in presets for host in each.hosts} == set(packages.hosts)


async def test_what_is_set_is_kept_each_once_and_in_order(running: Stack) -> None:
    person = await running.sign_in()
    project_id = (await person.add_project()).project_id
    own = ["b.example.com", "*.example.org", "b.example.com"]
    egress = await change(person, project_id, task_pb2.Egress(mode=ALLOW_LIST, hosts=own))
    assert (list(egress.presets), list(egress.hosts)) == ([], ["*.example.org", "b.example.com"])
    assert egress.allowed_hosts == egress.hosts
    assert (await change(person, project_id, task_pb2.Egress(mode=OPEN))).mode == OPEN
    listed = await person.accounts.ListProjects(accounts.ListProjectsRequest(), metadata=person.metadata)
    assert listed.projects[0].egress.mode == OPEN


@pytest.mark.parametrize(
    ("egress", "words"),
    [
        (task_pb2.Egress(), "no mode"),
        (task_pb2.Egress(mode=ALLOW_LIST, presets=["cobol"]), "no preset"),
        (task_pb2.Egress(mode=ALLOW_LIST, hosts=["Example.com"]), "not the name of a host"),
        (task_pb2.Egress(mode=ALLOW_LIST, hosts=["*.com"]), "not a full name"),
        (task_pb2.Egress(mode=ALLOW_LIST, hosts=["10.0.0.1"]), "not the name of a host"),
        (task_pb2.Egress(mode=ALLOW_LIST, hosts=[f"h{n}.example.com" for n in range(101)]), "the most is 100"),
    ],
)
async def test_what_is_no_host_or_mode_changes_nothing(running: Stack, egress: task_pb2.Egress, words: str) -> None:
    person = await running.sign_in()
    project = await person.add_project()
    refused = await refusal(change(person, project.project_id, egress))
    assert (refused.reason, words in refused.message) == ("INVALID", True)
    assert (await person.add_project()).egress == project.egress


async def test_a_host_is_allowed_by_one_call(running: Stack) -> None:
    ann, bob = await running.sign_in(), await running.sign_in("hubot")
    project_id = (await ann.add_project()).project_id
    await change(ann, project_id, task_pb2.Egress(mode=ALLOW_LIST, hosts=["*.example.org"]))
    assert list((await allow(ann, project_id, "api.example.com")).hosts) == ["*.example.org", "api.example.com"]
    assert len((await allow(ann, project_id, "a.example.org")).hosts) == 2, "it is allowed already"
    assert (await refusal(allow(bob, project_id, "evil.example"))).reason == "NOT_FOUND"
    assert (await refusal(allow(ann, project_id, "127.0.0.1"))).reason == "INVALID"
    await change(ann, project_id, task_pb2.Egress(mode=NONE))
    off = await refusal(allow(ann, project_id, "b.example.com"))
    assert (off.reason, "switched off" in off.message) == ("WRONG_STATE", True)


async def test_who_is_at_work_hears_of_a_change(running: Stack) -> None:
    person = await running.sign_in()
    project_id = (await person.add_project()).project_id
    await person.create(project_id)
    async with running.runner() as runner:
        assignment = await runner.take()
        await allow(person, project_id, "api.example.com")
        while "api.example.com" not in (assignment := await runner.next_assignment()).project.egress.hosts:
            continue
        assert "api.example.com" in assignment.project.egress.allowed_hosts
        assert [each.text for each in assignment.inputs] != []


async def test_a_task_lists_the_hosts_that_were_blocked(running: Stack) -> None:
    person = await running.sign_in()
    task = await person.create((await person.add_project()).project_id)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        await runner.send(
            ref,
            used("a.example", event_pb2.EGRESS_OUTCOME_BLOCKED),
            used("b.example", event_pb2.EGRESS_OUTCOME_REFUSED),
            used("c.example", event_pb2.EGRESS_OUTCOME_CLOSED),
            used("not a host", event_pb2.EGRESS_OUTCOME_BLOCKED),
        )
        more = [used(f"h{n}.example", event_pb2.EGRESS_OUTCOME_BLOCKED) for n in range(30)]
        await runner.send(ref, used("a.example", event_pb2.EGRESS_OUTCOME_BLOCKED), *more)
    request = tasks.GetTaskRequest(task_id=task.task_id)
    blocked = (await person.tasks.GetTask(request, metadata=person.metadata)).task.blocked_hosts
    assert list(blocked) == ["a.example", *(f"h{n}.example" for n in range(MOST_BLOCKED - 1))]
