"""A choice of the faults of `make chaos`: a service dies, a wire is cut, and the task goes on as if nothing was."""

import pytest

from tests.chaos.quick import quick_faults, try_quickly

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]


@pytest.mark.parametrize("fault", quick_faults(needy=False), ids=lambda fault: fault.name)
async def test_a_fault_is_survived(homes, fault):
    await try_quickly(fault, homes)
