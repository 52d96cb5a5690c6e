"""Repositories within the repository that it knows nothing of: their files, which git would leave out with a word."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_FILES = 5000
"""Of one with more, such as a clone that was only looked at, nothing is kept."""


def files_of(name: bytes, git: Callable[..., bytes], *, most_bytes: int) -> tuple[list[bytes], int] | None:
    """What is in it and not ignored by its own rules, by path from here, and how many bytes that is together; None
    where it has too many files, one that is too large, or where git cannot say."""
    try:
        listed = git("-C", name, "ls-files", "-z", "--cached", "--others", "--exclude-standard", own_index=True)
    except OSError:
        return None
    names = dict.fromkeys(name + each for each in listed.split(b"\0") if each)
    if len(names) > MOST_FILES:
        return None
    files, total = [], 0
    for each in names:
        try:
            found = os.lstat(each)
        except OSError:
            # Removed, and not noted.
            continue
        if stat.S_ISREG(found.st_mode):
            if found.st_size > most_bytes or not os.access(each, os.R_OK):
                return None
            total += found.st_size
        elif not stat.S_ISLNK(found.st_mode):
            # One within it.
            continue
        files.append(each)
    return files, total
