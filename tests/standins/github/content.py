"""What a new repository holds: files, a folder, or a copy of another repository."""

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.standins.github.git import git, inherited_environment, isolated_environment

# Files by path, none for no commit; a folder (committed, what it ignores left out) or a git directory on disk
# (copied); a git URL (copied).
Content = Mapping[str, bytes] | Path | str


async def fill(directory: Path, content: Content, *, default_branch: str) -> str:
    """Makes a bare repository and returns its default branch, which a copy takes from its source. Raises GitError."""
    if isinstance(content, Mapping):
        await _commit_files(directory, content, default_branch=default_branch)
        return default_branch
    if isinstance(content, Path) and not _is_repository(content):
        await _commit_folder(directory, content, default_branch=default_branch, add=("--all",))
        return default_branch
    await _copy(directory, str(content))
    return await git("symbolic-ref", "--short", "HEAD", directory=directory)


def _is_repository(folder: Path) -> bool:
    return (folder / ".git").exists() or ((folder / "HEAD").is_file() and (folder / "objects").is_dir())


async def _copy(directory: Path, source: str) -> None:
    # The person's own settings apply: their proxy, their keys, their credential helper.
    await git("clone", "--quiet", "--bare", "--template=", source, str(directory), environment=inherited_environment())
    await git("remote", "remove", "origin", directory=directory)


async def _commit_files(directory: Path, files: Mapping[str, bytes], *, default_branch: str) -> None:
    if not files:
        await _make(directory, default_branch=default_branch)
        return
    with tempfile.TemporaryDirectory() as folder:
        await asyncio.to_thread(_write, Path(folder), files)
        await _commit_folder(directory, Path(folder), default_branch=default_branch, add=("--all", "--force"))


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


async def _commit_folder(directory: Path, folder: Path, *, default_branch: str, add: tuple[str, ...]) -> None:
    await _make(directory, default_branch=default_branch)
    with tempfile.TemporaryDirectory() as scratch:
        environment = isolated_environment() | {
            "GIT_DIR": str(directory),
            "GIT_WORK_TREE": str(folder),
            "GIT_INDEX_FILE": str(Path(scratch, "index")),
        }
        await git("add", *add, environment=environment)
        tree = await git("write-tree", environment=environment)
    commit = await git("commit-tree", "-m", "Initial commit", tree, directory=directory)
    await git("update-ref", f"refs/heads/{default_branch}", commit, directory=directory)


async def _make(directory: Path, *, default_branch: str) -> None:
    await git("init", "--quiet", "--bare", "--template=", f"--initial-branch={default_branch}", str(directory))
