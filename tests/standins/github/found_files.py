"""What lies in a git directory, while pushes come in and files there appear, move and go."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def found_files(folder: Path) -> Iterator[os.stat_result]:
    """Of each file that is there when it is looked at."""
    for at, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                yield os.stat(os.path.join(at, name))
