"""A host is lost for good, with all that it had: another goes on with what was not committed."""

import json
import shutil

import pytest

from errand_runner.sandbox.docker import Engine
from tests.chaos.home import open_home
from tests.chaos.prompts import kind, ran

pytestmark = pytest.mark.timeout(180)


async def test_another_goes_on_with_what_was_not_committed():
    async with open_home() as home, home.watch("Steps: sleep 1 && echo mine > left") as observer:
        await observer.until(ran("echo mine"))
        await home.phone.add_input(observer.task, "Steps: sleep 600")
        saved = await observer.until(kind("checkpoint_saved"))
        await observer.until(ran("sleep 600"))
        assert observer.at_host("for-each-ref", f"refs/heads/{observer.task['branch']}") == ""
        await lose_host(home.stack)
        await home.start("runner")
        lost = await observer.ended()
        assert (lost["status"], lost["failure_reason"]) == ("failed", "runner_lost")
        await home.phone.retry(observer.task)
        restored = await observer.until(kind("workspace_restored"))
        await observer.until(kind("pull_request_opened"))
        assert restored["detail"]["commit"] == saved["detail"]["commit"]
        assert observer.trace("left") == ["mine"]
        assert "made anew from the last checkpoint" in json.dumps(await home.phone.messages(observer.task))
        trees = [f"refs/errand/{observer.task['task_id']}^{{tree}}", f"refs/heads/{observer.task['branch']}^{{tree}}"]
        assert len(set(observer.at_host("rev-parse", *trees).split())) == 1


async def lose_host(stack):
    """The runner, with all that its host had."""
    await stack.processes.kill("runner")
    async with Engine.connect(state_dir=stack.folder / "runner") as engine:
        for runner_id in stack.runner_ids():
            await engine.remove_everything(runner_id)
    shutil.rmtree(stack.folder / "runner")
