"""The order of sets of strings hangs on a number that Python draws at its start: here it is always the same."""

import os
import sys

HASH_SEED = "0"


def is_fixed() -> bool:
    """Whether this process hashes as every other simulation does."""
    return os.environ.get("PYTHONHASHSEED") == HASH_SEED


def ensure(module: str) -> None:
    """Begin anew with the fixed number, unless it is fixed already."""
    if not is_fixed():
        os.environ["PYTHONHASHSEED"] = HASH_SEED
        os.execv(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]])
