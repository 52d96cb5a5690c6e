"""A C library that fails, waits or kills its process where a scenario says so: loaded before the real one."""

import asyncio
import struct
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

SOURCE = Path(__file__).with_name("unreliable.c")


class Unreliable:
    """Rules in a folder, as unreliable.c reads them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def library(self) -> Path:
        return self._folder / "unreliable.so"

    @property
    def settings(self) -> dict[str, str]:
        """For the environment of whatever is to obey."""
        return {"LD_PRELOAD": str(self.library), "CHAOS": str(self._folder)}

    def kill_after(self, words: str) -> None:
        """The sync of what has these words in it is its last deed."""
        (self._folder / "kill-after").write_text(words)

    def kill_before(self, words: str) -> None:
        """It does not come to that sync."""
        (self._folder / "kill-before").write_text(words)

    def slow(self, seconds: float) -> None:
        """Each sync takes so much longer."""
        (self._folder / "slow").write_text(f"{seconds * 1000:.0f}")

    def slow_reads(self, seconds: float) -> None:
        """Each read of a file that is open for reading alone takes so much longer."""
        (self._folder / "slow-read").write_text(f"{seconds * 1000:.0f}")

    def break_down(self) -> None:
        """Every sync fails with EIO."""
        (self._folder / "broken").touch()

    def stall(self, seconds: float) -> None:
        """The main thread stands still, once."""
        (self._folder / "stall").write_text(f"{seconds * 1000:.0f}")

    @property
    def stalled(self) -> bool:
        """Whether it did."""
        return not (self._folder / "stall").exists()

    def move_clocks(self, *, boot_s: float = 0.0, wall_s: float = 0.0) -> None:
        """So far ahead of the kernel's, or behind, are the time since the start and the time of day, as the program
        itself sees them."""
        with (self._folder / "clock").open("r+b") as clock:
            clock.write(struct.pack("qq", round(boot_s * 1e9), round(wall_s * 1e9)))

    def behave(self) -> None:
        """All is as it should be."""
        for name in ("kill-after", "kill-before", "slow", "slow-read", "broken", "stall"):
            (self._folder / name).unlink(missing_ok=True)


@asynccontextmanager
async def unreliable() -> AsyncIterator[Unreliable]:
    """Compiles it with `cc`."""
    with tempfile.TemporaryDirectory(prefix="errand-chaos-") as folder:
        made = Unreliable(Path(folder))
        (Path(folder) / "clock").write_bytes(bytes(16))
        compiler = await asyncio.create_subprocess_exec(
            "cc", "-O1", "-shared", "-fPIC", "-o", made.library, SOURCE, "-ldl"
        )
        assert await compiler.wait() == 0
        yield made
