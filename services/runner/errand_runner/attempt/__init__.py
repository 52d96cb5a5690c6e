"""One attempt, from lease to outcome: open a sandbox, get the repository, talk with Claude, deliver."""

from errand_runner.attempt.means import Means
from errand_runner.attempt.story import run_attempt

__all__ = ["Means", "run_attempt"]
