"""py-spy beside a process, and what its samples come to."""

import asyncio
import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

PER_SECOND = 200
_PLACE = re.compile(r":\d+\)$")
_LINE = re.compile(r"^(?P<frames>.*) (?P<count>\d+)$")


@dataclass
class Profile:
    """Samples, by what was at work in them (`own`) and by what was under way (`whole`)."""

    samples: int = 0
    own: Counter[str] = field(default_factory=Counter)
    whole: Counter[str] = field(default_factory=Counter)

    def add(self, lines: Iterable[str]) -> None:
        """Stacks as py-spy writes them down: frames, the outermost first, and how often they were seen."""
        for line in lines:
            found = _LINE.match(line)
            if found is None:
                continue
            frames = [_PLACE.sub(")", frame) for frame in found["frames"].split(";")]
            count = int(found["count"])
            self.samples += count
            self.own[frames[-1]] += count
            for frame in set(frames):
                self.whole[frame] += count


def found_spy() -> str:
    """The program. Raises SystemExit with what to do where there is none."""
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    if (found := shutil.which("py-spy", path=beside)) is None:
        raise SystemExit("there is no py-spy here, which takes the profile: .venv/bin/pip install py-spy")
    return found


@asynccontextmanager
async def spied(spy: str, pid: int, seconds: float) -> AsyncIterator[Profile]:
    """Samples of the process from now on; they are there when the context ends. Only who holds the interpreter counts:
    what waits costs nothing. Raises SystemExit where the process may not be looked into."""
    profile = Profile()
    with tempfile.NamedTemporaryFile(prefix="errand-", suffix=".stacks") as stacks:
        options = ["--pid", str(pid), "--duration", str(round(seconds)), "--rate", str(PER_SECOND), "--gil"]
        process = await asyncio.create_subprocess_exec(
            *(spy, "record", *options, "--format", "raw", "--output", stacks.name),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        yield profile
        _, said = await process.communicate()
        if process.returncode:
            raise SystemExit(f"py-spy could not look into the service; try as root: {said.decode().strip()[-300:]}")
        profile.add(Path(stacks.name).read_text().splitlines())
