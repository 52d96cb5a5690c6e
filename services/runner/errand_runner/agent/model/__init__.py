"""Claude's API, or a service that speaks it: asked here and nowhere else."""

from errand_runner.agent.model.abilities import Abilities
from errand_runner.agent.model.door import Model

__all__ = ["Abilities", "Model"]
