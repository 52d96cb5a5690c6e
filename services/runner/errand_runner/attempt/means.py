"""What every attempt of a runner works with."""

from dataclasses import dataclass
from pathlib import Path

from errand_common.clock import Clock
from errand_common.disk import Room
from errand_common.ids import Ids
from errand_runner.agent.model import Model
from errand_runner.agent.prices import PriceList
from errand_runner.book import Book
from errand_runner.brake import Brake
from errand_runner.broker.egress.internet import Internet
from errand_runner.clean import CleanRooms
from errand_runner.deltas import Deltas
from errand_runner.dispatch import Dispatch
from errand_runner.journal import Journal
from errand_runner.lease import Leases
from errand_runner.lent_before import LentBefore
from errand_runner.outage import GitPatience
from errand_runner.pool import Pool
from errand_runner.sandbox.docker import Engine
from errand_runner.sandbox.limits import Limits


@dataclass(frozen=True, kw_only=True)
class Means:
    """All attempts share them."""

    engine: Engine
    room: Room
    git_patience: GitPatience
    engine_patience_s: float
    model: Model
    model_id: str
    model_key: str
    prices: PriceList
    dispatch: Dispatch
    deltas: Deltas
    internet: Internet
    leases: Leases
    brake: Brake
    clock: Clock
    ids: Ids
    image: str
    limits: Limits
    runtime: str
    pulls_images: bool
    """Of projects, where one is not on this host."""
    socket_root: Path
    journal: Journal
    book: Book
    pool: Pool
    clean: CleanRooms
    lent_before: LentBefore
