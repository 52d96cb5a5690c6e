"""What a person asked comes again an hour later, after another decision: it is not done a second time."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from errand.v1 import access_service_pb2 as access
from errand.v1 import task_pb2
from errand_common import rpc
from tests.integration.access import disallow
from tests.integration.moved_clock import MovedClock
from tests.integration.refused import refusal
from tests.integration.scheduling import Person, Stack, github_with_repository, new_task, stack

PENDING, CANCELLED = task_pb2.TASK_STATUS_PENDING, task_pb2.TASK_STATUS_CANCELLED


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
async def errand(tmp_path: Path, clock: MovedClock) -> AsyncGenerator[Stack]:
    async with (
        github_with_repository(tmp_path / "github") as github,
        stack(tmp_path / "data", github, clock=clock) as running,
    ):
        yield running


async def an_hour_later(errand: Stack, clock: MovedClock) -> Person:
    """The same person, whose session of before is over."""
    clock.ahead_s += 3600
    return await errand.sign_in()


async def test_a_stop_does_not_stop_what_was_sent_on_since(errand: Stack, clock: MovedClock) -> None:
    person, task = await new_task(errand)
    assert (await person.stop(task.task_id, "stop")).status == CANCELLED
    await person.retry(task.task_id)

    person = await an_hour_later(errand, clock)

    assert (await person.stop(task.task_id, "stop")).status == PENDING
    assert (await person.task(task.task_id)).status == PENDING


async def test_a_stop_that_found_it_over_does_not_stop_what_was_sent_on_since(errand: Stack, clock: MovedClock) -> None:
    person, task = await new_task(errand)
    await person.stop(task.task_id)
    assert (await person.stop(task.task_id, "stop")).status == CANCELLED
    await person.retry(task.task_id)

    person = await an_hour_later(errand, clock)

    assert (await person.stop(task.task_id, "stop")).status == PENDING


async def test_a_retry_does_not_send_on_what_was_stopped_since(errand: Stack, clock: MovedClock) -> None:
    person, task = await new_task(errand)
    await person.stop(task.task_id)
    assert (await person.retry(task.task_id, "retry")).status == PENDING
    await person.stop(task.task_id)

    person = await an_hour_later(errand, clock)

    assert (await person.retry(task.task_id, "retry")).status == CANCELLED
    assert (await person.task(task.task_id)).status == CANCELLED


async def test_an_edit_does_not_undo_a_later_one(errand: Stack, clock: MovedClock) -> None:
    person, task = await new_task(errand)
    added = (await person.add_input(task.task_id, "left")).input
    assert (await person.edit(added.input_id, "right", "edit")).text == "right"
    await person.edit(added.input_id, "left after all")

    person = await an_hour_later(errand, clock)

    assert (await person.edit(added.input_id, "right", "edit")).text == "left after all"


async def test_letting_in_does_not_let_in_who_was_shut_out_since(errand: Stack, clock: MovedClock) -> None:
    allow = access.AllowUserRequest(request_id="allow", github_username="grace")
    operator = rpc.bearer(errand.operator_token)
    await errand.access.AllowUser(allow, metadata=operator)
    await disallow(errand, "grace")

    clock.ahead_s += 3600
    await errand.access.AllowUser(allow, metadata=operator)

    assert (await refusal(errand.sign_in("grace"))).reason == "NOT_ADMITTED"


async def test_without_a_request_id_each_is_a_decision(errand: Stack, clock: MovedClock) -> None:
    person, task = await new_task(errand)
    await person.stop(task.task_id)
    await person.retry(task.task_id)

    person = await an_hour_later(errand, clock)

    assert (await person.stop(task.task_id)).status == CANCELLED
