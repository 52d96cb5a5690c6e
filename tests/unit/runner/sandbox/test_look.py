"""Looking around in a sandbox: bounded, in time, and in nobody's way."""

import asyncio
import os
from pathlib import Path

import pytest

from errand_runner.sandbox.look import Entry, Match
from errand_runner.sandbox.supervisor import FileError, Supervisor


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for path, text in {
        "a.py": "import os\nneedle here\n",
        "src/b.py": "x\n  needle\n",
        "src/deep/er/c.txt": "needle\n",
        "src/blob.bin": "needle\0",
        ".git/config": "needle\n",
        "sub/.git/HEAD": "needle\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "link.py").symlink_to("a.py")
    (root / "up").symlink_to("..")
    os.mkfifo(root / "pipe")
    return root


async def test_a_folder_is_listed_by_name(supervisor: Supervisor, tree: Path) -> None:
    found = await supervisor.look.list_folder(str(tree))
    kinds = {entry.name: entry.kind for entry in found.items}
    assert kinds == {
        ".git": "folder",
        "a.py": "file",
        "link.py": "link",
        "pipe": "other",
        "src": "folder",
        "sub": "folder",
        "up": "link",
    }
    assert Entry("a.py", "file", 22) in found.items
    assert list(kinds) == sorted(kinds)


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("*.py", ["a.py", "link.py", "src/b.py"]),
        ("**/*.py", ["a.py", "link.py", "src/b.py"]),
        ("src/*", ["src/b.py", "src/blob.bin"]),
        ("src/**", ["src/b.py", "src/blob.bin", "src/deep/er/c.txt"]),
        ("**/er/*.txt", ["src/deep/er/c.txt"]),
        ("src/**/b.[pq]y", ["src/b.py"]),
        ("HEAD", []),
    ],
)
async def test_files_are_found_by_name(supervisor: Supervisor, tree: Path, pattern: str, paths: list[str]) -> None:
    assert (await supervisor.look.glob(pattern, path=str(tree))).items == paths


async def test_lines_are_found_in_text_files(supervisor: Supervisor, tree: Path) -> None:
    found = await supervisor.look.grep("need.e", path=str(tree))
    assert found.items == [
        Match("a.py", 2, "needle here"),
        Match("src/b.py", 2, "  needle"),
        Match("src/deep/er/c.txt", 1, "needle"),
    ]
    assert not found.more
    only = await supervisor.look.grep("needle", path=str(tree), glob="*.txt")
    assert [match.path for match in only.items] == ["src/deep/er/c.txt"]
    assert (await supervisor.look.grep("^import", path=str(tree / "a.py"))).items == [Match("", 1, "import os")]


async def test_what_is_found_is_bounded_and_says_so(supervisor: Supervisor, tree: Path) -> None:
    (tree / "many").write_text(f"{'y' * 5000}\n" * 100)
    found = await supervisor.look.grep("y", path=str(tree / "many"), limit=10)
    assert (len(found.items), found.more) == (10, True)
    assert {len(match.text) for match in found.items} == {500}
    assert (await supervisor.look.glob("*", path=str(tree), limit=2)).more
    assert (await supervisor.look.list_folder(str(tree), limit=2)).more


async def test_names_and_lines_that_are_no_text_are_found_all_the_same(supervisor: Supervisor, tree: Path) -> None:
    (tree / os.fsdecode(b"caf\xe9.py")).write_bytes(b"needle \xff\n")
    found = await supervisor.look.grep("needle", path=str(tree), glob="caf*")
    assert found.items == [Match("caf\ufffd.py", 1, "needle \ufffd")]


async def test_what_cannot_be_looked_at_is_a_file_error(supervisor: Supervisor, tree: Path) -> None:
    for looking, name in [
        (supervisor.look.list_folder(str(tree / "none")), "ENOENT"),
        (supervisor.look.list_folder(str(tree / "a.py")), "ENOTDIR"),
        (supervisor.look.glob("*", path=str(tree / "none")), "ENOENT"),
        (supervisor.look.grep("(", path=str(tree)), "EINVAL"),
    ]:
        with pytest.raises(FileError) as refusal:
            await looking
        assert refusal.value.name == name


async def test_a_search_that_takes_too_long_ends_and_holds_nobody_up(supervisor: Supervisor, tree: Path) -> None:
    (tree / "evil").write_text("a" * 64 + "\n")
    # Its time is not up before others were served.
    await supervisor.hold()
    evil = asyncio.ensure_future(supervisor.look.grep("(a+)+b", path=str(tree), timeout_s=1))
    assert (await supervisor.stat(str(tree))).is_dir
    assert not evil.done()
    supervisor.go_on()
    with pytest.raises(FileError) as refusal:
        await evil
    assert refusal.value.name == "ETIME"
