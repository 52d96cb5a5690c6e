"""A task that began under an older release goes on with the tools that it began with.

`older` has the tools of each release that changed them, as a task has them in its prefix; none is ever
changed or removed.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from errand_runner.agent.facts import EndReason
from errand_runner.agent.prefix import Prefix
from errand_runner.agent.tools.definitions import INPUTS
from errand_runner.agent.transcript import Transcript
from errand_runner.sandbox.supervisor import Supervisor
from tests.standins.claude import Reply, Text, ToolUse, in_turn
from tests.unit.runner.agent.harness import MODEL, errand

RELEASES = sorted((Path(__file__).parent / "older").glob("tools-*.json"))

_VALUES: Mapping[str, object] = {"string": "x", "integer": 1, "boolean": True, "array": ["x"]}


def tools_of(release: Path) -> list[Mapping[str, Any]]:
    tools: list[Mapping[str, Any]] = json.loads(release.read_text())
    return tools


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.stem)
def test_what_an_older_schema_allows_is_taken(release: Path) -> None:
    for tool in tools_of(release):
        schema = tool["input_schema"]
        properties = schema["properties"]
        for names in (schema["required"], properties):
            INPUTS[tool["name"]].model_validate({name: _VALUES[properties[name]["type"]] for name in names})


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.stem)
async def test_a_task_goes_on_with_its_own_tools(release: Path, supervisor: Supervisor, tmp_path: Path) -> None:
    calls = [ToolUse("write", {"path": "file", "content": "word\n"}), ToolUse("read", {"path": "file"})]
    script = in_turn(Reply(calls), Reply([Text("Done.")]))
    async with errand(script, supervisor, tmp_path) as task:
        older = Prefix.freeze(model=MODEL, max_tokens=1000, system="As it was.", tools=tools_of(release))
        task.transcript = Transcript.restore(older, [])
        assert (await task.turn("go on")).reason is EndReason.COMPLETED
        for request in task.claude.requests:
            assert json.dumps(request["tools"]) == json.dumps(tools_of(release))
        assert "word" in task.results[1]["content"]
