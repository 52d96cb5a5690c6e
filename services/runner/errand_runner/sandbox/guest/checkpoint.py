"""The whole working tree as one commit, made beside the repository's own index and branches.

Runs in a process of its own, as a search does. Killed at any point, it leaves objects that nothing refers to.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from .nested import files_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# In the repository's own folder, so that it goes with it; its lock stands beside it.
INDEX = ".git/errand-checkpoint"
# Nobody else's program runs, and nothing of what the repository has set makes a file into something else to look at.
SETTINGS = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.splitIndex=false")
PERSON = {
    "GIT_AUTHOR_NAME": "Errand",
    "GIT_AUTHOR_EMAIL": "errand@localhost",
    "GIT_COMMITTER_NAME": "Errand",
    "GIT_COMMITTER_EMAIL": "errand@localhost",
}
NAMES_TOLD = 5
# Each is a pattern that git compares every path with.
MOST_LEFT_OUT = 1000
OWN_REPOSITORY = "a repository of its own"
FILES_ALONE = "a repository of its own: its files alone"


def checkpoint(request: dict[str, Any]) -> Iterator[object]:
    """Tells the commit, empty where there is nothing to be kept that the git host does not have, and what it lacks."""
    os.chdir(request["path"])
    os.environ.update(PERSON, GIT_INDEX_FILE=INDEX, GIT_OPTIONAL_LOCKS="0", LC_ALL="C")
    seed_index()
    try:
        lacks = Lacks()
        add_all(request, lacks)
        tree = git("write-tree").strip()
        branch = os.fsencode("refs/heads/" + request["branch"])
        known = commits([b"HEAD", branch, *(os.fsencode(ref) for ref in request["at_host"])])
        head, branch_head, last, *others = known
        if head is None:
            raise OSError(errno.EINVAL, "what is checked out has no commit")
        merged = merging()
        parents = tuple(dict.fromkeys([head.name, *([branch_head.name] if branch_head else []), *merged]))
        if last is not None:
            has_it = (last.tree, last.parents) == (tree, parents)
        else:
            has_it = (tree, parents) == (head.tree, (head.name,)) and head in others
        commit = b""
        if not has_it:
            told = {"On-Branch": b"yes" if is_on(branch) else b"no"}
            if branch_head is not None:
                told["Branch-Head"] = branch_head.name
            if merged:
                told["Merging"] = merged[0]
            commit = write_commit(request["message"], tree, parents, told)
        yield {"commit": commit.decode(), "head": head.name.decode(), **lacks.told()}
    finally:
        remove_index()


class Commit(NamedTuple):
    name: bytes
    tree: bytes
    parents: tuple[bytes, ...]


class Lacks:
    """What is left out, with the reason."""

    def __init__(self) -> None:
        self.why: dict[bytes, str] = {}

    def told(self) -> dict[str, object]:
        named = [f"{text_of(name)} ({why})" for name, why in list(self.why.items())[:NAMES_TOLD]]
        more = len(self.why) - len(named)
        return {"count": len(self.why), "lacks": ", ".join([*named, *([f"and {more} more"] if more else [])])}


def seed_index() -> None:
    """A copy of the repository's own. With its time: what was written in the same moment is looked at again."""
    remove_index()
    try:
        with open(".git/index", "rb") as own, open(INDEX, "wb") as index:
            index.write(own.read())
            found = os.fstat(own.fileno())
        os.utime(INDEX, ns=(found.st_atime_ns, found.st_mtime_ns))
    except FileNotFoundError:
        # Then everything is looked at.
        remove_index()


def remove_index() -> None:
    for path in (INDEX, f"{INDEX}.lock"):
        if os.path.lexists(path):
            os.unlink(path)


def add_all(request: dict[str, Any], lacks: Lacks) -> None:
    """Into the index: what changed, is new or is gone, small things first."""
    listed = git("ls-files", "-z", "--modified", "--others", "--exclude-standard").split(b"\0")
    changed = dict.fromkeys(name for name in listed if name)
    sizes = {name: weigh(name, request["file_bytes"], lacks) for name in changed if not name.endswith(b"/")}
    within = {name: files_of(name, git, most_bytes=request["file_bytes"]) for name in changed if name.endswith(b"/")}
    for name, held in within.items():
        if held is None:
            lacks.why[name] = OWN_REPOSITORY
        else:
            sizes[name] = held[1]
    total = 0
    for name in sorted(sizes, key=sizes.__getitem__):
        total += sizes[name]
        if total > request["total_bytes"] and name not in lacks.why:
            lacks.why[name] = "too much together"
    if len(lacks.why) > MOST_LEFT_OUT:
        size = f"{sum(sizes.values()) >> 20} MiB in {len(sizes)} files"
        raise OSError(errno.EFBIG, f"{size} are neither committed nor ignored; commit what is of use, ignore the rest")
    kept = {name: held[0] for name, held in within.items() if held is not None and name not in lacks.why}
    if len(lacks.why) + len(kept) < len(changed):
        spared = [b":(top,exclude,literal)" + name.rstrip(b"/") for name in (*lacks.why, *kept)]
        git("add", "--all", "--", b":/", *spared)
    if paths := [path for paths in kept.values() for path in paths]:
        git("update-index", "--add", "-z", "--stdin", stdin=b"".join(path + b"\0" for path in paths))
    lacks.why.update(dict.fromkeys(kept, FILES_ALONE))
    if os.path.exists(".gitmodules"):
        # Of a submodule the tree has the commit alone.
        dirty = git("diff-files", "-z", "--name-only", "--ignore-submodules=none").split(b"\0")
        lacks.why.update({name: OWN_REPOSITORY for name in dirty if name and name not in lacks.why})


def weigh(name: bytes, most: int, lacks: Lacks) -> int:
    """How many bytes it holds; 0 for what is left out, or gone."""
    try:
        found = os.lstat(name)
    except OSError:
        return 0
    if stat.S_ISREG(found.st_mode):
        if found.st_size > most:
            lacks.why[name] = f"{found.st_size >> 20} MiB"
        elif not os.access(name, os.R_OK):
            lacks.why[name] = "not readable"
        else:
            return found.st_size
    return 0


def commits(names: list[bytes]) -> list[Commit | None]:
    """Those of these names that name one; None for each other."""
    said = git("cat-file", "--batch", stdin=b"\n".join(names) + b"\n")
    found: list[Commit | None] = []
    for _ in names:
        first, _, said = said.partition(b"\n")
        words = first.split()
        if len(words) != 3 or words[1] != b"commit":
            found.append(None)
            continue
        content, said = said[: int(words[2])], said[int(words[2]) + 1 :]
        head = [line.split() for line in content.partition(b"\n\n")[0].split(b"\n")]
        tree = next(line[1] for line in head if line[0] == b"tree")
        found.append(Commit(words[0], tree, tuple(line[1] for line in head if line[0] == b"parent")))
    return found


def merging() -> list[bytes]:
    """What is being merged in, if a merge is under way."""
    try:
        with open(".git/MERGE_HEAD", "rb") as file:
            return file.read().split()
    except FileNotFoundError:
        return []


def is_on(branch: bytes) -> bool:
    with open(".git/HEAD", "rb") as file:
        return file.read().strip() == b"ref: " + branch


def write_commit(message: str, tree: bytes, parents: tuple[bytes, ...], told: dict[str, bytes]) -> bytes:
    """What is `told` says what the parents are, so that it can be laid out again."""
    arguments = [part for parent in parents for part in (b"-p", parent)]
    trailers = [f"Errand-{name}: {text_of(value)}" for name, value in told.items()]
    said = "\n".join([message, *trailers, ""]).encode()
    return git("commit-tree", tree, *arguments, stdin=said).strip()


def git(*arguments: str | bytes, stdin: bytes = b"", own_index: bool = False) -> bytes:
    """What a git command says; by the repository's `own_index` it goes where another repository is asked.

    Raises OSError with its last words where it fails.
    """
    environment = {name: value for name, value in os.environ.items() if not own_index or name != "GIT_INDEX_FILE"}
    given, out, err = (os.memfd_create(name) for name in ("stdin", "stdout", "stderr"))
    try:
        os.write(given, stdin)
        os.lseek(given, 0, os.SEEK_SET)
        actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate((given, out, err))]
        pid = os.posix_spawnp("git", ["git", *SETTINGS, *arguments], environment, file_actions=actions)
        status = os.waitpid(pid, 0)[1]
        if status:
            words = whole(err).strip() or f"it ended with status {status}".encode()
            raise OSError(errno.EIO, f"git {arguments[0]!s}: {text_of(words[-1500:])}")
        return whole(out)
    finally:
        for fd in (given, out, err):
            os.close(fd)


def whole(fd: int) -> bytes:
    size = os.fstat(fd).st_size
    return os.pread(fd, size, 0)


def text_of(words: bytes) -> str:
    return words.decode("utf-8", "replace")
