"""The tools that Claude may call; they run in the sandbox, through its supervisor."""

from errand_runner.agent.tools.definitions import DEFINITIONS
from errand_runner.agent.tools.outcome import Outcome
from errand_runner.agent.tools.toolbox import Toolbox

__all__ = ["DEFINITIONS", "Outcome", "Toolbox"]
