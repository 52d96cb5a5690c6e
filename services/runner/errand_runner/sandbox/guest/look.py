"""Folders listed, files found by their names or by what is in them, a working tree gone through for its checkpoint.

Runs in a process of its own, as a job whose output is a JSON value a line: it may take long, and is killed in time.
"""

from __future__ import annotations

import errno
import fnmatch
import json
import os
import re
import stat
import sys
from typing import TYPE_CHECKING

from .checkpoint import checkpoint, git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# Of a larger file only the beginning is searched; of a longer line only the beginning is shown.
GREP_BYTES = 8 * 1024 * 1024
LINE_CHARS = 500
BINARY_LOOK_BYTES = 8192

DEEPEST = 64
MOST_ALTERNATIVES = 100
BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")


def look(request: dict[str, Any]) -> None:
    """Prints what is found, at most `most` of it, then whether there is more."""
    found = {"list": list_folder, "glob": glob, "grep": grep, "checkpoint": checkpoint}[request["look"]]
    more = False
    try:
        for number, each in enumerate(found(request)):
            if number >= request["most"]:
                more = True
                break
            print(json.dumps(each))
        print(json.dumps({"more": more}))
    except OSError as error:
        refuse(error.errno or errno.EIO, str(error))
    except re.error as error:
        refuse(errno.EINVAL, f"the pattern is no regular expression of Python's: {error}")
    except (ValueError, OverflowError) as error:
        refuse(errno.EINVAL, str(error))
    sys.stdout.flush()


def refuse(number: int, message: str) -> None:
    print(json.dumps({"errno": errno.errorcode.get(number, "EIO"), "message": message[:1000]}))


def list_folder(request: dict[str, Any]) -> Iterator[object]:
    with os.scandir(request["path"]) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        found = os.lstat(os.path.join(request["path"], name))
        yield {"name": text(name), "size": found.st_size, "kind": kind(found.st_mode)}


def glob(request: dict[str, Any]) -> Iterator[object]:
    matches = matcher(request["pattern"])
    for path in files_below(request["path"], ignored=request["ignored"]):
        if matches(path):
            yield {"path": text(path)}


def grep(request: dict[str, Any]) -> Iterator[object]:
    wanted = re.compile(request["pattern"].encode("utf-8", "surrogateescape"))
    matches = matcher(request["glob"]) if request["glob"] else None
    root = request["path"]
    paths = [""] if os.path.isfile(root) else files_below(root, ignored=request["ignored"])
    for path in paths:
        if matches and not matches(path):
            continue
        for number, line in enumerate(lines_of(os.path.join(root, path) if path else root), 1):
            if wanted.search(line):
                yield {"path": text(path), "line": number, "text": text_of(line)}
                if request["once"]:
                    break


def files_below(root: str, *, ignored: bool) -> Iterator[str]:
    """Paths from there, in order: a folder's own files before those of its folders."""
    listed = [] if ignored else not_ignored(root)
    # Whoever names a folder that git ignores wants what lies in it.
    return iter(listed) if listed else walk(root)


def not_ignored(root: str) -> list[str]:
    """What git tracks or would; nothing outside of a repository."""
    os.environ["GIT_OPTIONAL_LOCKS"] = "0"
    try:
        said = git("-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    except OSError:
        return []
    found: list[str] = []
    for name in sorted({os.fsdecode(name) for name in said.split(b"\0") if name}, key=rank):
        path = os.path.join(root, name)
        if os.path.isdir(path) and not os.path.islink(path):
            # A repository within this one, of which git says no more.
            found.extend(os.path.join(name, below) for below in walk(path))
        elif os.path.lexists(path):
            found.append(name)
    return found


def rank(path: str) -> list[tuple[bool, str]]:
    """Where it stands in the order of `walk`."""
    *folders, name = path.split("/")
    return [*((True, folder) for folder in folders), (False, name)]


def walk(root: str) -> Iterator[str]:
    """The files below, as paths from there, in order; what git keeps for itself is left out, no link is followed."""
    waiting = [("", 0)]
    while waiting:
        folder, depth = waiting.pop()
        try:
            with os.scandir(os.path.join(root, folder)) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            if not folder:
                raise
            continue
        folders = []
        for entry in found:
            path = os.path.join(folder, entry.name)
            if entry.is_dir(follow_symlinks=False):
                if entry.name != ".git" and depth < DEEPEST:
                    folders.append((path, depth + 1))
            else:
                yield path
        waiting.extend(reversed(folders))


def matcher(pattern: str) -> Any:
    """Whether a path matches: `**` is any number of folders; a pattern without a slash is about the name alone."""
    several = [single_matcher(each) for each in alternatives(pattern)]
    return lambda path: any(matches(path) for matches in several)


def alternatives(pattern: str) -> list[str]:
    """The patterns that one with `{one,two}` in it stands for."""
    done, waiting = [], [pattern]
    while waiting:
        each = waiting.pop()
        braces = BRACES.search(each)
        if braces is None:
            done.append(each)
        else:
            waiting.extend(each[: braces.start()] + word + each[braces.end() :] for word in braces[1].split(","))
        if len(done) + len(waiting) > MOST_ALTERNATIVES:
            raise ValueError(f"the braces of {pattern} stand for more than {MOST_ALTERNATIVES} patterns")
    return done


def single_matcher(pattern: str) -> Any:
    if "/" not in pattern:
        one = re.compile(fnmatch.translate(pattern))
        return lambda path: one.match(os.path.basename(path)) is not None
    parts = [None if part == "**" else re.compile(fnmatch.translate(part)) for part in pattern.strip("/").split("/")]
    return lambda path: matches_parts(parts, path.split("/"))


def matches_parts(parts: list[Any], names: list[str]) -> bool:
    """Goes through the names once, with every place of the pattern that may be next."""
    places = with_skips(parts, {0})
    for name in names:
        after = {place for place in places if place < len(parts) and parts[place] is None}
        after |= {place + 1 for place in places if place < len(parts) and parts[place] and parts[place].match(name)}
        places = with_skips(parts, after)
    return len(parts) in places


def with_skips(parts: list[Any], places: set[int]) -> set[int]:
    """With the places that are reached where `**` is no folder at all."""
    reached = set(places)
    for place in range(len(parts)):
        if place in reached and parts[place] is None:
            reached.add(place + 1)
    return reached


def lines_of(path: str) -> list[bytes]:
    """Of what is no readable text, none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return []
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return []
        beginning = file.read(BINARY_LOOK_BYTES)
        if b"\0" in beginning:
            return []
        return (beginning + file.read(GREP_BYTES - len(beginning))).splitlines()


def kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "folder"
    if stat.S_ISLNK(mode):
        return "link"
    return "file" if stat.S_ISREG(mode) else "other"


def text(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "replace")


def text_of(line: bytes) -> str:
    return line.decode("utf-8", "replace")[:LINE_CHARS]
