"""Changes of what people wrote, as they ask for them."""

from collections.abc import Callable

from errand_scheduler.lifecycle import input_changes
from errand_scheduler.store import inputs
from errand_scheduler.store.inputs import Input
from errand_scheduler.store.transaction import Tx
from tests.unit.scheduler.world import USER, World

Change = Callable[[Tx, str, str], Input]


def edit(tx: Tx, input_id: str, user_id: str) -> Input:
    return input_changes.edit_input(tx, user_id=user_id, input_id=input_id, text="rather this")


def promote(tx: Tx, input_id: str, user_id: str) -> Input:
    return input_changes.promote_input(tx, user_id=user_id, input_id=input_id)


def remove(tx: Tx, input_id: str, user_id: str) -> Input:
    return input_changes.remove_input(tx, user_id=user_id, input_id=input_id)


async def change(world: World, how: Change, input_id: str, user_id: str = USER) -> Input:
    return await world.writer.write(lambda tx: how(tx, input_id, user_id))


async def waiting(world: World, task_id: str) -> list[Input]:
    return await world.reader.all(inputs.untaken(task_id))


async def added(world: World, task_id: str) -> Input:
    await world.input(task_id, "more")
    return next(each for each in await waiting(world, task_id) if each.text == "more")
