"""While the Docker engine is away, what needs it waits: told once, and for a bounded time."""

import pytest

from errand_common.clock import Clock
from errand_runner.engine_outage import until_engine_answers
from errand_runner.sandbox.docker import EngineUnavailable, SandboxFailed


class Ticking(Clock):
    """Each look at it is a second later."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0

    def boot_s(self) -> float:
        self.seconds += 1
        return self.seconds


class Engine:
    """Away for so many calls."""

    def __init__(self, away: int) -> None:
        self.away, self.calls = away, 0

    async def step(self) -> str:
        self.calls += 1
        if self.calls <= self.away:
            raise EngineUnavailable(f"no answer to call {self.calls}")
        return "done"


async def waited_for(engine: Engine, told: list[tuple[str, float]], *, patience_s: float) -> str:
    async def away(reason: str, patience_s: float) -> None:
        told.append((reason, patience_s))

    return await until_engine_answers(engine.step, patience_s=patience_s, clock=Ticking(), away=away, look_s=0.0)


async def test_what_is_done_at_once_is_not_told():
    told: list[tuple[str, float]] = []
    assert await waited_for(Engine(0), told, patience_s=0.0) == "done"
    assert told == []


async def test_an_engine_that_comes_back_is_told_of_once():
    told: list[tuple[str, float]] = []
    engine = Engine(3)
    assert await waited_for(engine, told, patience_s=10.0) == "done"
    assert (told, engine.calls) == ([("no answer to call 1", 10.0)], 4)


async def test_patience_ends_with_the_last_cause_and_the_setting_that_bounds_it():
    with pytest.raises(EngineUnavailable, match=r"waited 3 s for Docker \(ERRAND_ENGINE_PATIENCE_SECONDS\): no answer"):
        await waited_for(Engine(99), [], patience_s=3.0)


async def test_what_the_engine_refuses_is_not_waited_for():
    async def refused() -> None:
        raise SandboxFailed("no")

    async def away(reason: str, patience_s: float) -> None:
        raise AssertionError

    with pytest.raises(SandboxFailed):
        await until_engine_answers(refused, patience_s=60.0, clock=Ticking(), away=away)
