"""What a person writes to a running task reaches its runner at once, with the word for when Claude is to hear it."""

from errand.v1 import task_pb2
from tests.integration.refused import refusal
from tests.integration.scheduling import Stack, inputs_event, new_task

STEER, QUEUE = task_pb2.INPUT_KIND_STEER, task_pb2.INPUT_KIND_QUEUE


async def test_an_input_to_a_running_task_is_a_change_of_its_assignment(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        first = await runner.take()
        await runner.send(first.attempt, inputs_event(first))
        added = await person.add_input(task.task_id, "use tabs", STEER)
        change = await runner.next_change()
        assert (change.snapshot, change.version) == (False, change.base_version + 1)
        (assignment,) = change.assignments
        assert assignment.attempt == first.attempt
        assert [(each.input_id, each.text, each.kind) for each in assignment.inputs] == [
            (added.input.input_id, "use tabs", STEER)
        ]
        await person.add_input(task.task_id, "then the docs")
        following = await runner.next_change()
        assert following.base_version == change.version
        kinds = [(each.text, each.kind) for each in following.assignments[0].inputs]
        assert kinds == [("use tabs", STEER), ("then the docs", QUEUE)]


async def test_what_is_taken_up_is_not_told_again(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        first = await runner.take()
        await runner.send(first.attempt, inputs_event(first))
        for text in ("one", "two"):
            await person.add_input(task.task_id, text, STEER)
            changed = await runner.next_assignment()
            assert [each.text for each in changed.inputs] == [text]
            await runner.send(first.attempt, inputs_event(changed))
        assert (await runner.finish(first.attempt)).error_reason == ""
    assert (await person.task(task.task_id)).status == task_pb2.TASK_STATUS_COMPLETED


async def test_a_steer_after_the_last_message_makes_a_new_attempt(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        first = await runner.take()
        await runner.send(first.attempt, inputs_event(first))
        await person.add_input(task.task_id, "wait", STEER)
        await runner.finish(first.attempt)
        second = await runner.take()
        assert second.attempt.fence > first.attempt.fence
        assert [(each.text, each.kind) for each in second.inputs] == [("wait", STEER)]


async def test_many_long_inputs_reach_a_running_attempt_a_message_at_a_time(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        first = await runner.take()
        await runner.send(first.attempt, inputs_event(first))
        for number in range(5):
            await person.add_input(task.task_id, f"{number}" * 60_000)
        seen: list[str] = []
        while len(seen) < 5:
            changed = await runner.next_assignment()
            assert sum(len(each.text) for each in changed.inputs) <= 128 * 1024
            new = [each.text[0] for each in changed.inputs if each.text[0] not in seen]
            seen += new
            if changed.inputs:
                await runner.send(first.attempt, inputs_event(changed))
    assert seen == list("01234")


async def test_the_kind_is_kept_and_told(running: Stack) -> None:
    person, task = await new_task(running)
    plain = await person.add_input(task.task_id, "later")
    steer = await person.add_input(task.task_id, "now", STEER)
    assert (plain.input.kind, steer.input.kind) == (QUEUE, STEER)
    bodies = [each.body for each in await person.events(task.task_id)]
    told = [body.input_added for body in bodies if body.WhichOneof("kind") == "input_added"]
    assert [(each.summary, each.kind) for each in told] == [("later", QUEUE), ("now", STEER)]
    async with running.runner() as runner:
        assignment = await runner.next_assignment()
    assert [(each.text, each.kind) for each in assignment.inputs] == [
        (task.prompt, QUEUE),
        ("later", QUEUE),
        ("now", STEER),
    ]


async def test_an_unknown_kind_is_refused_and_adds_nothing(running: Stack) -> None:
    person, task = await new_task(running)
    refused = await refusal(person.add_input(task.task_id, "now", 7))
    assert refused.reason == "INVALID"
    assert refused.message == "kind 7 is unknown; use queue or steer or answer"
    assert all(each.body.WhichOneof("kind") != "input_added" for each in await person.events(task.task_id))


async def test_a_request_id_stands_for_one_kind(running: Stack) -> None:
    person, task = await new_task(running)
    first = await person.add_input(task.task_id, "now", STEER, request_id="tap")
    again = await person.add_input(task.task_id, "now", STEER, request_id="tap")
    assert again.input == first.input
    refused = await refusal(person.add_input(task.task_id, "now", QUEUE, request_id="tap"))
    assert refused.reason == "IDEMPOTENCY_MISMATCH"


async def test_a_steer_does_not_wait_behind_a_long_queue(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        first = await runner.take()
        await runner.send(first.attempt, inputs_event(first))
        for _ in range(2):
            await person.add_input(task.task_id, "q" * 64 * 1024)
        await person.add_input(task.task_id, "stop that", STEER)
        while "stop that" not in [each.text for each in (await runner.next_assignment()).inputs]:
            pass
