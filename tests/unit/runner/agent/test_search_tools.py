"""Finding files and lines: what a repository is about, in order, and no more than can be read."""

import subprocess

import pytest

from errand_runner.agent.redact import MASK
from errand_runner.agent.tools.definitions.search import MOST_FILES, MOST_LINES
from tests.unit.runner.agent.tooling import SECRET, Tools


@pytest.fixture
def repository(tools: Tools) -> Tools:
    """With something committed, something new, and something that git ignores."""
    for path, text in {
        ".gitignore": "built/\n",
        "main.py": "import src\nneedle = 1\n",
        "src/app.py": "needle = 2\nother\n  needle = 3\n",
        "src/deep/app.ts": "needle\n",
        "built/app.py": "needle = 4\n",
    }.items():
        (tools.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (tools.folder / path).write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=tools.folder, check=True)
    subprocess.run(["git", "add", "main.py"], cwd=tools.folder, check=True)
    return tools


async def test_files_are_found_without_those_that_git_ignores(repository: Tools) -> None:
    assert (await repository("glob", pattern="*.py")).text == "main.py\nsrc/app.py"
    with_ignored = await repository("glob", pattern="*.py", with_ignored=True)
    assert with_ignored.text == "main.py\nbuilt/app.py\nsrc/app.py"


async def test_files_are_found_by_one_of_several_endings(repository: Tools) -> None:
    assert (await repository("glob", pattern="**/app.{js,ts,py}")).text == "src/app.py\nsrc/deep/app.ts"


async def test_what_is_found_can_be_read_by_its_path(repository: Tools) -> None:
    await repository("bash", command="cd src")
    for path in (await repository("glob", pattern="app.*", path="../src/deep")).text.splitlines():
        assert "needle" in (await repository("read", path=path)).text


async def test_a_folder_that_git_ignores_is_searched_when_it_is_named(repository: Tools) -> None:
    assert (await repository("glob", pattern="*", path="built")).text == "built/app.py"


async def test_a_file_that_was_deleted_is_not_found(repository: Tools) -> None:
    (repository.folder / "main.py").unlink()
    assert (await repository("glob", pattern="*.py")).text == "src/app.py"


async def test_a_repository_within_the_repository_is_searched_too(repository: Tools) -> None:
    subprocess.run(["git", "init", "-q", "within"], cwd=repository.folder, check=True)
    (repository.folder / "within" / "new.go").write_text("needle\n")
    assert (await repository("glob", pattern="*.go")).text == "within/new.go"


async def test_a_search_works_without_a_repository(tools: Tools) -> None:
    (tools.folder / "file").write_text("needle\n")
    assert (await tools("grep", pattern="needle")).text == "file\n     1\tneedle"


async def test_lines_are_given_file_by_file_with_their_numbers(repository: Tools) -> None:
    assert (await repository("grep", pattern="needle = .", glob="*.py")).text.splitlines() == [
        "main.py",
        "     2\tneedle = 1",
        "src/app.py",
        "     1\tneedle = 2",
        "     3\t  needle = 3",
    ]
    assert (await repository("grep", pattern="OTHER", path="src/app.py")).text.startswith("Nothing matches OTHER")
    assert (await repository("grep", pattern="(?i)OTHER", path="src/app.py")).text == "src/app.py\n     2\tother"


async def test_the_files_alone_are_given_once_each(repository: Tools) -> None:
    found = await repository("grep", pattern="needle", files_only=True)
    assert found.text == "main.py\nsrc/app.py\nsrc/deep/app.ts"


async def test_nothing_found_says_what_was_left_out(repository: Tools) -> None:
    nothing = await repository("grep", pattern="nowhere")
    assert nothing.text == "Nothing matches nowhere in .. What git ignores was left out."
    assert not nothing.is_error


async def test_what_is_found_is_bounded_and_says_how_to_go_on(tools: Tools) -> None:
    for number in range(MOST_FILES + 1):
        (tools.folder / f"file{number:03}").write_text("x" * 400 + "\n")
    *paths, last = (await tools("glob", pattern="*")).text.splitlines()
    assert (len(paths), last) == (MOST_FILES, f"[more than {MOST_FILES} files match; narrow pattern or path]")
    text = (await tools("grep", pattern="x", path="file000", glob="*")).text
    assert text.count("\n") == 1
    (tools.folder / "file000").write_text("short x\n" * (MOST_LINES + 1))
    cut = (await tools("grep", pattern="short")).text
    assert cut.endswith(f"[more than {MOST_LINES} lines match; narrow pattern, glob or path]")
    flood = (await tools("grep", pattern="x")).text
    assert len(flood) < 31_000


async def test_a_pattern_that_is_none_is_explained(repository: Tools) -> None:
    wrong = await repository("grep", pattern="(")
    assert wrong.is_error
    assert "no regular expression" in wrong.text
    many = await repository("glob", pattern="{a,b}" * 12)
    assert many.is_error
    assert "more than 100 patterns" in many.text


async def test_a_secret_is_masked_in_lines_and_paths(tools: Tools) -> None:
    (tools.folder / f"key-{SECRET}").write_text(f"x {SECRET}\n{'y' * (495 - len('x '))}x {SECRET}\n")
    text = (await tools("grep", pattern="x ")).text
    assert "ghs_" not in text
    assert text.count(MASK) == 2
