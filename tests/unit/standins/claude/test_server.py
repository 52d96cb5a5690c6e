"""The stand-in over HTTP, as any client sees it."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import pytest
from anthropic.types.beta import BetaRawMessageStreamEvent
from pydantic import TypeAdapter

from tests.demo.story import PROMPT
from tests.standins.claude import ClaudeStandin, Reply, Request, Summary, Text, Thinking, ToolUse, in_turn
from tests.standins.claude.rules import COMPACTION_BETA

ROOT = Path(__file__).parents[4]
BODY: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 10,
    "stream": True,
    "messages": [{"role": "user", "content": "Hello"}],
}


@pytest.fixture
async def http() -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def headers(claude: ClaudeStandin) -> dict[str, str]:
    return {"Authorization": f"Bearer {claude.key}", "anthropic-version": "2026-10-21"}


async def test_every_event_is_of_the_sdks_own_types(http: aiohttp.ClientSession) -> None:
    reply = Reply([Thinking("Hm."), Text("Hi there."), ToolUse("bash", {"command": "ls"})])
    async with ClaudeStandin(in_turn(reply)) as claude:
        response = await http.post(f"{claude.url}/v1/messages", json=BODY, headers=headers(claude))
        assert response.headers["Content-Type"] == "text/event-stream"
        blocks = (await response.text()).strip().split("\n\n")
    events = []
    for block in blocks:
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        if event["type"] != "ping":
            events.append(pydantic_event(event))
    assert [event["type"] for event in events][:1] + [event["type"] for event in events][-2:] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]


def pydantic_event(event: dict[str, Any]) -> dict[str, Any]:
    """Validates strictly, where the SDK itself would let anything pass."""
    from anthropic.types import RawMessageStreamEvent
    from pydantic import TypeAdapter

    adapter: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
    parsed = adapter.validate_python(event)
    assert parsed.model_extra in (None, {})
    return event


@pytest.mark.parametrize("content", ["So far", None])
async def test_a_summary_is_of_the_sdks_own_types(http: aiohttp.ClientSession, content: str | None) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(BetaRawMessageStreamEvent)
    asked = {**BODY, "compaction": {"type": "summarize"}}
    async with ClaudeStandin(in_turn(Reply([Summary(content)]))) as claude:
        known = {**headers(claude), "anthropic-beta": COMPACTION_BETA}
        response = await http.post(f"{claude.url}/v1/messages", json=asked, headers=known)
        lines = [line for line in (await response.text()).splitlines() if line.startswith("data: ")]
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    told = [adapter.validate_python(event) for event in events if event["type"] != "ping"]
    assert all(event.model_extra in (None, {}) for event in told)
    ending = told[-2]
    assert ending.delta.stop_reason == "compaction"
    assert [each.type for each in ending.usage.iterations] == ["compaction"]


async def test_the_models_api_speaks_the_sdks_types() -> None:
    async with (
        ClaudeStandin(in_turn()) as claude,
        anthropic.AsyncAnthropic(api_key=claude.key, base_url=claude.url, _strict_response_validation=True) as client,
    ):
        models = [model.id async for model in client.models.list()]
        assert "claude-sonnet-5-5" in models
        for model in models:
            info = await client.models.retrieve(model)
            assert info.capabilities is not None
        with pytest.raises(anthropic.NotFoundError):
            await client.models.retrieve("none")


@pytest.mark.parametrize(
    ("path", "drop", "status"),
    [
        ("messages", "Authorization", 401),
        ("messages", "anthropic-version", 400),
        ("models", "Authorization", 401),
        ("models/claude-sonnet-5-5", "Authorization", 401),
    ],
)
async def test_who_does_not_belong_is_turned_away(
    http: aiohttp.ClientSession, path: str, drop: str, status: int
) -> None:
    async with ClaudeStandin(in_turn()) as claude:
        sent = {key: value for key, value in headers(claude).items() if key != drop}
        method = "POST" if path == "messages" else "GET"
        response = await http.request(method, f"{claude.url}/v1/{path}", json=BODY, headers=sent)
        assert response.status == status
        error = await response.json()
    assert error["type"] == "error"
    assert error["request_id"] == response.headers["request-id"]


async def test_hidden_thoughts_are_signed_and_not_shown(http: aiohttp.ClientSession) -> None:
    async with ClaudeStandin(in_turn(Reply([Thinking("Hm."), Text("Hi.")]))) as claude:
        response = await http.post(f"{claude.url}/v1/messages", json=BODY, headers=headers(claude))
        text = await response.text()
    assert "Hm." not in text
    assert "signature_delta" in text


async def test_a_script_sees_what_ran_since_the_persons_words(http: aiohttp.ClientSession) -> None:
    seen: list[Request] = []

    def script(request: Request) -> Reply:
        seen.append(request)
        return Reply([Text("Hi.")])

    def step(call: str, output: str) -> list[dict[str, Any]]:
        use = {"type": "tool_use", "id": call, "name": "bash", "input": {"command": call}}
        return [
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call, "content": output}]},
        ]

    words = [{"role": "user", "content": "First"}, *step("t1", "old")]
    words += [{"role": "user", "content": [{"type": "text", "text": "Second"}]}, *step("t2", "new")]
    async with ClaudeStandin(script) as claude:
        await http.post(f"{claude.url}/v1/messages", json={**BODY, "messages": words}, headers=headers(claude))
    assert seen[0].said == "Second"
    assert [(run.input["command"], run.output) for run in seen[0].runs] == [("t2", "new")]


async def test_a_script_that_fails_is_seen_as_the_apis_fault(http: aiohttp.ClientSession) -> None:
    async with ClaudeStandin(in_turn()) as claude:
        response = await http.post(f"{claude.url}/v1/messages", json=BODY, headers=headers(claude))
        assert response.status == 500


async def test_it_runs_as_a_process_of_its_own(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text("sk-ant-of-a-file\n")
    command = (sys.executable, "-m", "tests.standins.claude", "--script", "demo", "--key-file", str(key_file))
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout
        async with asyncio.timeout(20):
            url = json.loads(await process.stdout.readline())["url"]
        sent = {"Authorization": "Bearer sk-ant-of-a-file", "anthropic-version": "2026-10-21"}
        body = {**BODY, "messages": [{"role": "user", "content": PROMPT}]}
        response = await http.post(f"{url}/v1/messages", json=body, headers=sent)
        assert '"name": "bash"' in await response.text()
    finally:
        process.terminate()
        async with asyncio.timeout(10):
            code = await process.wait()
    assert code == 0
