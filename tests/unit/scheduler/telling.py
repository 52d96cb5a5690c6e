"""What runners tell, and what of it is stored or refused."""

import pytest

from errand_common.errors import Conflict, Invalid
from errand_scheduler.lifecycle.records import RunnerEvent
from errand_scheduler.lifecycle.turns import Holder
from errand_scheduler.store import events
from errand_scheduler.store.events import Event
from tests.unit.scheduler.world import World, reason_of


async def refused(world: World, holder: Holder, *batch: RunnerEvent) -> str:
    with pytest.raises((Conflict, Invalid)) as refusal:
        await world.told(holder, *batch)
    return reason_of(refusal.value)


async def of_attempt(world: World, holder: Holder) -> list[Event]:
    """What the runner told, as stored; what the scheduler told comes first here."""
    task_id = (await world.attempt(holder.attempt_id)).task_id
    return (await world.reader.all(events.of_task(task_id, after=0, limit=5000)))[4:]


async def working(world: World) -> Holder:
    return await world.accepted((await world.new_task()).task_id)
