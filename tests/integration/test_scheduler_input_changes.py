"""What is changed of an input reaches the runner that holds a copy of it."""

from errand.v1 import runner_pb2, task_pb2
from errand.v1 import task_service_pb2 as tasks
from tests.integration.refused import refusal
from tests.integration.scheduling import DEADLINE_S, Person, ScriptedRunner, Stack, inputs_event, new_task

STEER, QUEUE = task_pb2.INPUT_KIND_STEER, task_pb2.INPUT_KIND_QUEUE


class Writing:
    """What a person does to what was written."""

    def __init__(self, person: Person) -> None:
        self.person = person

    async def promote(self, input_id: str) -> task_pb2.Input:
        request = tasks.PromoteInputRequest(input_id=input_id)
        answer = await self.person.tasks.PromoteInput(request, metadata=self.person.metadata, timeout=DEADLINE_S)
        return answer.input

    async def remove(self, input_id: str) -> task_pb2.Input:
        request = tasks.RemoveInputRequest(input_id=input_id)
        answer = await self.person.tasks.RemoveInput(request, metadata=self.person.metadata, timeout=DEADLINE_S)
        return answer.input

    async def waiting(self, task_id: str) -> list[str]:
        request = tasks.ListInputsRequest(task_id=task_id)
        answer = await self.person.tasks.ListInputs(request, metadata=self.person.metadata, timeout=DEADLINE_S)
        return [each.text for each in answer.inputs]


async def told(runner: ScriptedRunner) -> list[tuple[str, int]]:
    return [(each.text, each.kind) for each in (await runner.next_assignment()).inputs]


async def test_the_runner_hears_of_every_change(running: Stack) -> None:
    person, task = await new_task(running)
    writing = Writing(person)
    async with running.runner() as runner:
        first = await runner.take()
        await runner.send(first.attempt, inputs_event(first))
        one = (await person.add_input(task.task_id, "one")).input
        assert await told(runner) == [("one", QUEUE)]
        two = (await person.add_input(task.task_id, "two")).input
        assert await told(runner) == [("one", QUEUE), ("two", QUEUE)]
        assert (await person.edit(one.input_id, "eno")).text == "eno"
        assert await told(runner) == [("eno", QUEUE), ("two", QUEUE)]
        assert (await writing.promote(two.input_id)).kind == STEER
        assert await told(runner) == [("eno", QUEUE), ("two", STEER)]
        assert await writing.waiting(task.task_id) == ["eno", "two"]
        assert (await writing.remove(one.input_id)).removed
        last = await runner.next_assignment()
        assert [each.text for each in last.inputs] == ["two"]
        assert await writing.waiting(task.task_id) == ["two"]
        await runner.send(first.attempt, inputs_event(last))
        assert await writing.waiting(task.task_id) == []
        for change in (person.edit(two.input_id, "x"), writing.promote(two.input_id), writing.remove(two.input_id)):
            assert (await refusal(change)).reason == "INPUT_TAKEN"
    changes = [event.body.input_changed.change for event in await person.events(task.task_id)]
    assert [change for change in changes if change] == [1, 2, 3]


async def test_a_long_snapshot_comes_in_pieces_that_grpc_carries(running: Stack) -> None:
    person = await running.sign_in()
    project = await person.add_project()
    text = "x" * 64 * 1024
    created = [(await person.create(project.project_id, text)).task_id for _ in range(18)]
    for task_id in created:
        await person.add_input(task_id, text)
    seen: dict[str, runner_pb2.Assignment] = {}
    async with running.runner(slots=18) as runner:
        while len(seen) < len(created):
            assignment = await runner.take()
            seen[assignment.task.task_id] = assignment
        async with running.runner(slots=18) as again:
            assert again.snapshot.snapshot
            pieces = [again.snapshot]
            while sum(len(piece.assignments) for piece in pieces) < len(created):
                pieces.append(await again.next_change())
    assert [piece.snapshot for piece in pieces] == [True, *(False for _ in pieces[1:])]
    assert [(piece.base_version, piece.version) for piece in pieces] == [(n, n + 1) for n in range(len(pieces))]
    assert len(pieces) > 1
    assert sum(piece.ByteSize() for piece in pieces) > 3 * 1024 * 1024
    assert max(piece.ByteSize() for piece in pieces) < 4 * 1024 * 1024
    told = [each.task.task_id for piece in pieces for each in piece.assignments]
    assert sorted(told) == sorted(created)
