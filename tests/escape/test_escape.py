"""Nothing gets out of a sandbox; and where a wall is missing, the attempts on it say so."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.escape.attempt import Attempt, Control, python, shell
from tests.escape.attempts import ATTEMPTS
from tests.escape.layouts import USER
from tests.escape.table import Tally, line_of, summary_of
from tests.escape.trial import try_both
from tests.escape.world import World, open_world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    async with open_world() as opened:
        yield opened


@pytest.mark.parametrize("attempt", [each for each in ATTEMPTS if not each.slow], ids=lambda attempt: attempt.name)
@pytest.mark.asyncio(loop_scope="module")
async def test_an_attempt_is_refused_that_succeeds_without_its_wall(world: World, attempt: Attempt) -> None:
    tried = await try_both(world, attempt)

    if tried.control is None:
        pytest.skip(tried.why_no_control)
    assert tried.proven, line_of(tried)


@pytest.mark.asyncio(loop_scope="module")
async def test_an_attempt_whose_wall_is_taken_away_is_told_as_got_through(world: World) -> None:
    # What the sandbox allows stands in for a wall that is not there: its own volume.
    harmless = Attempt(
        "own-volume",
        "writes on its own volume",
        python("open('/workspace/mine', 'w').close(); through()"),
        Control("anywhere", USER),
    )
    tally = Tally([await try_both(world, harmless)])

    assert not tally.good
    assert summary_of(tally).splitlines() == ["got through: own-volume", "0 of 1 refused"]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_secret_that_comes_out_is_seen_whatever_the_payload_says(world: World) -> None:
    leak = f"echo not in the mark, but here: {world.canaries['model key']}"
    tried = await try_both(world, Attempt("leak", "says it", shell(leak), Control("anywhere", USER)))

    assert tried.inside.through == "leaked: model key"


@pytest.mark.asyncio(loop_scope="module")
async def test_a_sandbox_that_cannot_be_used_any_more_is_told_as_got_through(world: World) -> None:
    # The file that says that the volume is the same is gone, and so is the sandbox.
    spoil = shell("rm /workspace/kept; kill -9 -1")
    tried = await try_both(world, Attempt("spoil", "spoils it", spoil, Control("anywhere", USER)))
    await world.mark_volume()

    assert tried.inside.through == "the sandbox cannot be replaced with its volume"


@pytest.mark.asyncio(loop_scope="module")
async def test_an_attempt_that_fails_without_the_wall_too_proves_nothing(world: World) -> None:
    powerless = Attempt("powerless", "does nothing", shell("true"), Control("anywhere", USER))
    tally = Tally([await try_both(world, powerless)])

    assert not tally.good
    assert summary_of(tally).splitlines() == ["controls that do not succeed: powerless", "0 of 1 refused"]


@pytest.mark.asyncio(loop_scope="module")
async def test_an_attempt_without_a_control_on_this_host_is_not_counted(world: World) -> None:
    impossible = Control("under a runtime that nobody has", ("--runtime", "nobody-has-it"))
    tally = Tally([await try_both(world, Attempt("uncontrolled", "does nothing", shell("true"), impossible))])

    assert tally.good
    assert summary_of(tally).splitlines()[-2:] == [
        "no control on this host, not counted: uncontrolled",
        "0 of 0 refused",
    ]
