"""Claude is shown a picture that it reads, and the conversation goes on with it, also after a restart."""

import base64
from pathlib import Path

import pytest

from errand_runner.agent.facts import EndReason
from errand_runner.agent.gallery import PICTURE_BYTES
from errand_runner.agent.pictures import picture_of
from errand_runner.sandbox.supervisor import Supervisor
from tests.standins.claude import Reply, Text, ToolUse, in_turn
from tests.unit.runner.agent.drawings import png
from tests.unit.runner.agent.harness import errand
from tests.unit.runner.agent.tooling import Tools

DONE = Reply([Text("Done.")])
LOOK = Reply([ToolUse("read", {"path": "shot.png"}, "t1")])


async def test_a_picture_stands_beside_its_words_in_the_next_request(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(LOOK, DONE), supervisor, tmp_path) as task:
        (task.folder / "shot.png").write_bytes(png(32, 16))
        assert (await task.turn("Look")).reason is EndReason.COMPLETED
        (result,) = task.results
    words = f"{task.folder}/shot.png: image/png, 32 × 16 pixels, {len(png(32, 16))} bytes."
    data = base64.b64encode(png(32, 16)).decode()
    source = {"type": "base64", "media_type": "image/png", "data": data}
    assert result["content"] == [{"type": "text", "text": words}, {"type": "image", "source": source}]
    assert "is_error" not in result


@pytest.mark.parametrize("facts", [6, 8])
async def test_a_restart_sends_the_same_picture(facts: int, supervisor: Supervisor, tmp_path: Path) -> None:
    """Once between the tool's end and the message that carries it, once behind that."""
    async with errand(in_turn(LOOK, DONE, DONE), supervisor, tmp_path) as task:
        (task.folder / "shot.png").write_bytes(png())
        await task.turn_until_crash("Look", facts=facts)
        (task.folder / "shot.png").unlink()
        assert (await task.turn("")).reason is EndReason.COMPLETED
        results = [block for message in task.messages for block in message["content"] if block["type"] == "tool_result"]
        assert task.messages == task.recorded[:-1]
    ((words, image),) = (result["content"] for result in results)
    assert words["text"].endswith("bytes.")
    assert base64.b64decode(image["source"]["data"]) == png()


async def test_a_picture_for_which_there_is_no_room_is_told_of(supervisor: Supervisor, tmp_path: Path) -> None:
    calls = [ToolUse("read", {"path": "large.png"}, f"t{number}") for number in range(4)]
    async with errand(in_turn(Reply(calls), DONE), supervisor, tmp_path, context_tokens=20_000_000) as task:
        (task.folder / "large.png").write_bytes(png(padding=3_800_000))
        await task.turn("Look")
        contents = [result["content"] for result in task.results]
        assert [len(content) for content in contents[:3]] == [2, 2, 2]
        assert "It is not shown: this conversation holds 3 pictures already" in contents[3]
        assert task.results[3]["is_error"] is True


async def test_a_picture_that_is_none_is_explained(tools: Tools) -> None:
    (tools.folder / "cut.png").write_bytes(png()[:-4])
    broken = await tools("read", path="cut.png")
    assert (broken.is_error, broken.picture) == (True, None)
    assert "begins as image/png and cannot be shown: it is cut off" in broken.text


async def test_a_picture_is_known_by_its_bytes_and_not_by_its_name(tools: Tools) -> None:
    (tools.folder / "notes.txt").write_bytes(png())
    (tools.folder / "words.png").write_text("only words\n")
    assert (await tools("read", path="notes.txt")).picture == picture_of(png(), "image/png")
    assert (await tools("read", path="words.png")).text == "     1\tonly words"


async def test_a_picture_larger_than_a_text_may_be_is_shown_and_one_too_large_explained(tools: Tools) -> None:
    (tools.folder / "large.png").write_bytes(png(padding=3 << 20))
    assert (await tools("read", path="large.png")).picture is not None
    (tools.folder / "huge.png").write_bytes(png(padding=PICTURE_BYTES))
    huge = await tools("read", path="huge.png")
    assert huge.is_error
    assert "make a smaller copy" in huge.text


async def test_a_file_is_written_in_parts_of_a_million_bytes(tools: Tools) -> None:
    refused = await tools("write", path="file", content="x" * (1024 * 1024 + 1))
    assert refused.is_error
    assert "write it in parts" in refused.text
    assert not (tools.folder / "file").exists()
