"""The supervisor's program, put where the engine can mount it from."""

import hashlib
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

_UNFINISHED = ".guest-"
_SOURCES = Path(__file__).with_name("guest")

# Python runs a folder by this file, with the folder itself as its only path beside the standard library's.
_MAIN = b"from guest.main import main\n\nmain()\n"


def install_guest(state_dir: Path) -> Path:
    """A folder in `state_dir` that `python3 -I -S FOLDER` runs, readable for any uid; there whole or not at all.

    Its name says its content: sandboxes that run keep theirs when a newer program is installed beside it. May be called
    by several runners at once. Blocks.
    """
    program = _program()
    target = state_dir / f"guest-{_digest(program)[:12]}"
    if not target.exists():
        state_dir.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=_UNFINISHED, dir=state_dir) as beside:
            _write(Path(beside) / "new", program)
            _move(Path(beside) / "new", target)
    return target


def remove_half_made(state_dir: Path, *, before_s: float) -> None:
    """What an installation that was killed left, if it began before that (Unix time). Blocks; raises nothing."""
    for folder in state_dir.glob(f"{_UNFINISHED}*"):
        with suppress(OSError):
            if folder.stat().st_mtime < before_s:
                shutil.rmtree(folder)


def _program() -> dict[str, bytes]:
    """Contents by name within the folder."""
    sources = {f"guest/{path.name}": path.read_bytes() for path in sorted(_SOURCES.glob("*.py"))}
    return {"__main__.py": _MAIN, **sources}


def _digest(program: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in program.items():
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _write(folder: Path, program: dict[str, bytes]) -> None:
    for name, content in program.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    # Whatever the umask: a sandbox's uid is nobody on this host.
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _move(new: Path, target: Path) -> None:
    try:
        new.rename(target)
    except OSError:
        # A folder that is not empty is not replaced: another runner was first, with the same content.
        if not target.is_dir():
            raise
