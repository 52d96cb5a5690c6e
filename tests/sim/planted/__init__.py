"""Bugs to plant, one at a time, to see that the simulator finds them."""

from tests.sim.planted import content, events, lifecycle, money, restoring, standing, watching
from tests.sim.planted.planting import BUGS, in_place

__all__ = ["BUGS", "content", "events", "in_place", "lifecycle", "money", "restoring", "standing", "watching"]
