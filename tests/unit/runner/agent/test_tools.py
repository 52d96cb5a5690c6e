"""The tools, over a real supervisor."""

import json
import re
from pathlib import Path

import pytest

from errand_runner.agent.redact import MASK
from errand_runner.agent.tools import DEFINITIONS
from errand_runner.agent.tools.definitions import INPUTS
from errand_runner.agent.tools.files import FILE_LIMIT_BYTES
from tests.unit.runner.agent.tooling import SECRET, Tools


def test_schemas_say_what_is_checked() -> None:
    assert [tool["name"] for tool in DEFINITIONS] == list(INPUTS)
    for tool in json.loads(json.dumps(DEFINITIONS)):
        fields = INPUTS[tool["name"]].model_fields
        schema = tool["input_schema"]
        assert set(schema["properties"]) == set(fields)
        assert schema["required"] == [name for name, field in fields.items() if field.is_required()]
        assert (schema["additionalProperties"], tool["strict"]) == (False, True)


async def test_a_command_gives_output_code_and_duration(tools: Tools) -> None:
    outcome = await tools("bash", command="echo out; echo err >&2; exit 3")
    assert set(outcome.text.splitlines()[:2]) == {"out", "err"}
    assert outcome.text.splitlines()[-1].startswith("[exit code 3 after 0.")
    assert not outcome.is_error


async def test_a_silent_command_says_so(tools: Tools) -> None:
    assert (await tools("bash", command="true")).text.startswith("(no output)\n[exit code 0")


async def test_the_folder_is_kept_and_variables_are_not(tools: Tools) -> None:
    await tools("bash", command="mkdir -p 'a b'; cd 'a b'; export COLOUR=red; exit 7")
    outcome = await tools("bash", command='pwd; echo "[$COLOUR]"')
    assert outcome.text.splitlines()[:2] == [f"{tools.folder}/a b", "[]"]
    (tools.folder / "a b" / "here").write_text("found\n")
    assert "found" in (await tools("read", path="here")).text


async def test_a_command_that_removes_its_own_folder_ends_where_it_began(tools: Tools) -> None:
    await tools("bash", command="mkdir gone; cd gone; rmdir ../gone")
    assert (await tools("bash", command="pwd")).text.startswith(f"{tools.folder}\n")


async def test_a_folder_that_is_gone_is_left_with_words(tools: Tools) -> None:
    await tools("bash", command="mkdir gone; cd gone")
    (tools.folder / "gone").rmdir()
    outcome = await tools("bash", command="pwd")
    assert outcome.is_error
    assert f"The working folder is {tools.folder} now." in outcome.text
    assert (await tools("bash", command="pwd")).text.startswith(str(tools.folder))


async def test_a_command_that_takes_too_long_is_killed(tools: Tools) -> None:
    outcome = await tools("bash", command="echo begun; sleep 60", timeout_s=1)
    assert outcome.is_error
    assert outcome.text.startswith("begun\n[timed out after 1 s")


async def test_a_command_that_a_signal_ended_says_so(tools: Tools) -> None:
    outcome = await tools("bash", command="kill -KILL $$")
    assert outcome.is_error
    assert "[killed by signal 9" in outcome.text


async def test_the_shell_names_the_right_line(tools: Tools) -> None:
    assert "line 2: nonsense" in (await tools("bash", command="true\nnonsense")).text


async def test_nothing_waits_for_a_person(tools: Tools) -> None:
    assert "read nothing" in (await tools("bash", command="read line || echo read nothing")).text


async def test_a_command_too_long_for_the_kernel_is_refused(tools: Tools) -> None:
    outcome = await tools("bash", command="#" * 200_000)
    assert outcome.is_error
    assert "too long" in outcome.text


async def test_a_flood_keeps_its_ends(tools: Tools) -> None:
    outcome = await tools("bash", command="seq 100000")
    lines = outcome.text.splitlines()
    assert lines[:2] == ["1", "2"]
    assert lines[-2] == "100000"
    assert len(outcome.text) < 31_000
    gap = next(line for line in lines if line.startswith("[..."))
    shown = len([line for line in lines if line.isdigit()])
    assert gap.startswith(f"[... {100_000 - shown:,} lines")
    assert len(tools.live) == 256_000


async def test_a_flood_says_where_all_of_it_lies(tools: Tools) -> None:
    outcome = await tools("bash", command="seq 1000000; echo last")
    lines = outcome.text.splitlines()
    gap = next(line for line in lines if line.startswith("[..."))
    path = re.search(r"The whole output is in (\S+):", gap)
    assert path
    # Beside the repository, whose status stays as it was.
    assert tools.folder not in Path(path[1]).parents
    looked = await tools("bash", command=f"tail -n 1 {path[1]}; wc -l < {path[1]}")
    assert looked.text.split()[:2] == ["last", "1000001"]
    whole = len("".join(f"{number}\n" for number in range(1, 1_000_001))) + 5
    shown = [line for line in lines if line.isdigit() or line == "last"]
    assert whole - len("\n".join(shown)) - 1 - outcome.dropped_bytes in (0, -1)
    # A line that the gap cut in two is counted with either part.
    left_out = int(re.sub(r"\D", "", gap.split(" lines")[0]))
    assert left_out + len(shown) - 1_000_001 in (0, 1, 2)


async def test_a_line_that_is_cut_says_where_all_of_it_lies(tools: Tools) -> None:
    outcome = await tools("bash", command="head -c 5000 /dev/zero | tr '\\0' x")
    assert "[... line cut]" in outcome.text
    assert "The whole output is in /" in outcome.text


async def test_a_short_command_leaves_no_file(tools: Tools) -> None:
    await tools("bash", command="echo short")
    assert not (tools.folder.parent / ".errand").exists()


async def test_a_secret_is_masked_in_output_and_files(tools: Tools) -> None:
    (tools.folder / "leak").write_text(f"x{SECRET}y\n")
    assert (await tools("bash", command="cat leak")).text.startswith(f"x{MASK}y\n")
    assert tools.live == f"x{MASK}y\n"
    assert f"x{MASK}y" in (await tools("read", path="leak")).text
    assert f"x{MASK}z" in (await tools("edit", path="leak", old_text="y", new_text="z")).text
    assert (tools.folder / "leak").read_text() == f"x{SECRET}z\n"


async def test_a_secret_in_a_path_is_masked(tools: Tools) -> None:
    assert SECRET not in (await tools("read", path=SECRET)).text
    await tools("bash", command=f"mkdir {SECRET}; cd {SECRET}")
    (tools.folder / SECRET).rmdir()
    assert MASK in (await tools("bash", command="pwd")).text


async def test_reading_gives_numbered_lines_and_pages(tools: Tools) -> None:
    (tools.folder / "file").write_text("".join(f"line {number}\n" for number in range(1, 6)))
    assert (await tools("read", path="file", line_count=2)).text.splitlines() == [
        "     1\tline 1",
        "     2\tline 2",
        "[lines 1 to 2 of 5; go on with first_line=3]",
    ]
    assert (await tools("read", path="file", first_line=5)).text == "     5\tline 5"
    past = await tools("read", path="file", first_line=6)
    assert past.is_error
    assert "has 5 lines" in past.text


async def test_reading_is_bounded(tools: Tools) -> None:
    (tools.folder / "file").write_text(f"{'y' * 5000}\n" * 100)
    text = (await tools("read", path="file")).text
    assert len(text) < 33_000
    assert "line cut" in text
    assert "go on with first_line=" in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe\xff", "not a UTF-8"),
        (b"a\0b", "binary"),
        (b"x" * (FILE_LIMIT_BYTES + 1), "larger than"),
        (None, "No such"),
    ],
)
async def test_what_cannot_be_read_is_explained(tools: Tools, content: bytes | None, words: str) -> None:
    if content is not None:
        (tools.folder / "file").write_bytes(content)
    outcome = await tools("read", path="file")
    assert outcome.is_error
    assert words in outcome.text


async def test_a_folder_cannot_be_read(tools: Tools) -> None:
    outcome = await tools("read", path=".")
    assert outcome.is_error
    assert "is a folder" in outcome.text


async def test_an_empty_file_says_so(tools: Tools) -> None:
    (tools.folder / "file").touch()
    assert (await tools("read", path="file")).text.endswith("is empty.")


async def test_what_utf8_cannot_hold_is_not_written(tools: Tools) -> None:
    outcome = await tools("write", path="file", content="a\ud800")
    assert outcome.is_error
    assert "not valid" in outcome.text
    assert not (tools.folder / "file").exists()


async def test_writing_makes_folders_and_keeps_an_executable_one(tools: Tools) -> None:
    assert (await tools("write", path="a/b/file", content="one\ntwo\n")).text.endswith("2 lines.")
    file = tools.folder / "a" / "b" / "file"
    assert file.read_text() == "one\ntwo\n"
    file.chmod(0o755)
    await tools("write", path="a/b/file", content="three\n")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("three\n", 0o755)


async def test_an_edit_replaces_a_single_place_and_shows_it(tools: Tools) -> None:
    (tools.folder / "file").write_text("".join(f"line {number}\n" for number in range(1, 10)))
    outcome = await tools("edit", path="file", old_text="line 5\n", new_text="line five\nand a half\n")
    assert "line 5\n" not in (tools.folder / "file").read_text()
    assert "     5\tline five\n     6\tand a half\n     7\tline 6" in outcome.text
    assert "line 1" not in outcome.text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"old_text": "twice", "new_text": "x"}, "occurs 2 times"),
        ({"old_text": "never", "new_text": "x"}, "does not occur"),
        ({"old_text": "once", "new_text": "once"}, "the same"),
        ({"old_text": "", "new_text": "x"}, "not valid"),
    ],
)
async def test_an_edit_that_is_not_clear_changes_nothing(tools: Tools, given: dict[str, object], words: str) -> None:
    (tools.folder / "file").write_text("twice twice once\n")
    outcome = await tools("edit", path="file", **given)
    assert outcome.is_error
    assert words in outcome.text
    assert (tools.folder / "file").read_text() == "twice twice once\n"


async def test_an_edit_replaces_everywhere_when_asked(tools: Tools) -> None:
    (tools.folder / "file").write_text("twice twice\n")
    outcome = await tools("edit", path="file", old_text="twice", new_text="done", replace_all=True)
    assert "2 places" in outcome.text
    assert (tools.folder / "file").read_text() == "done done\n"


async def test_a_file_that_changed_since_it_was_read_must_be_read_again(tools: Tools) -> None:
    file = tools.folder / "file"
    file.write_text("one\n")
    await tools("read", path="file")
    await tools("bash", command="echo two >> file")
    for name, given in (("edit", {"old_text": "one", "new_text": "1"}), ("write", {"content": "1\n"})):
        outcome = await tools(name, path="file", **given)
        assert outcome.is_error
        assert "changed since you last read it" in outcome.text
    await tools("read", path="file")
    await tools("edit", path="file", old_text="one", new_text="1")
    await tools("edit", path="file", old_text="two", new_text="2")
    assert file.read_text() == "1\n2\n"


async def test_a_file_that_is_gone_since_it_was_read_can_be_written(tools: Tools) -> None:
    (tools.folder / "file").write_text("one\n")
    await tools("read", path="file")
    await tools("bash", command="rm file")
    assert not (await tools("write", path="file", content="new\n")).is_error
