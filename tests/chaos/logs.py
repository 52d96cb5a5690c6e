"""What the services logged in a trial that broke something, kept to be read."""

import shutil
import sys
from pathlib import Path

from tests.demo.stack import Stack

LOGS = Path(".cache/chaos")


def keep_logs(stack: Stack, name: str, *, of: str) -> None:
    """Copies those `of` an Errand to a folder of the trial's, and says where that is."""
    folder = LOGS / name / of
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for log in stack.folder.glob("*.log"):
        shutil.copy(log, folder)
    print(f"what the services logged: {folder}", file=sys.stderr)
