"""One session at a time, its leases kept alive for as long as they can be, and nothing done that nobody confirmed."""

import asyncio
import random
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from errand.v1 import runner_pb2, task_pb2
from errand.v1.dispatch_service_pb2 import HeartbeatResponse
from errand_common.errors import Conflict, Exhausted, Unauthenticated, Unavailable
from errand_common.protocol import FEATURES, OURS
from errand_common.values import AttemptPhase
from errand_runner.outbox import Outbox
from errand_runner.outcome import Outcome
from errand_runner.refused import RunnerRefused
from tests.unit.runner.moved_clock import MovedClock
from tests.unit.runner.session_double import SessionDouble, on_line

ATTEMPT = "att_" + "0" * 26
SUPERSEDED = Conflict("another session was opened later", reason="SESSION_SUPERSEDED")


class TickingClock(MovedClock):
    """Each look is a little later than the one before."""

    def boot_s(self):
        self.s += 0.001
        return self.s


@pytest.fixture
def clock():
    return TickingClock()


@pytest.fixture
def double():
    double = SessionDouble()
    ref = runner_pb2.AttemptRef(attempt_id=ATTEMPT, fence=1)
    double.wanted = [
        runner_pb2.Assignment(
            attempt=ref, phase=task_pb2.ATTEMPT_PHASE_RUNNING, desired_state=runner_pb2.DESIRED_STATE_RUN
        )
    ]
    return double


@pytest.fixture
async def folder(tmp_path):
    """Of a runner that was killed while it worked on an attempt."""
    box = Outbox(tmp_path / "outbox")
    await box.hold(ATTEMPT, 1).noted()
    box.close()
    return tmp_path


async def until(holds):
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_restarted_runner_starts_nothing_before_its_inventory_is_answered(double, folder, clock):
    started = asyncio.Event()

    async def work(assignment, inbox, log, runner_id):
        started.set()
        await asyncio.Event().wait()

    double.answer.clear()
    async with on_line(double, folder, clock=clock, run_attempt=work) as line:
        await double.until(lambda: double.opened)
        assert [held.attempt.attempt_id for held in double.opened[0].held_attempts] == [ATTEMPT]
        assert dict(double.opened[0].labels) == {"region": "eu"}
        assert (line.begun, line.leases.holds(ATTEMPT), started.is_set()) == ([], False, False)

        double.answer.set()
        async with asyncio.timeout(20):
            await started.wait()
        assert line.begun == ["rnr_1"]
        assert line.leases.holds(ATTEMPT)


@pytest.mark.parametrize("verdict", [runner_pb2.VERDICT_STOP, runner_pb2.VERDICT_FORGET])
async def test_what_is_not_to_be_kept_is_not_confirmed(double, folder, clock, verdict):
    double.verdict, double.wanted = verdict, []
    async with on_line(double, folder, clock=clock) as line:
        await double.until_watched()
        assert not line.leases.holds(ATTEMPT)
        await until(lambda: not line.worker.outbox.logs)


async def test_while_docker_is_down_leases_live_and_nothing_starts(double, folder, clock):
    away = [Unavailable("no Docker"), Unavailable("no Docker")]
    async with on_line(double, folder, clock=clock, begin_failures=away) as line:
        await double.until(lambda: len(double.opened) == 2)
        assert line.heart.pulse.next().request.session_id == "ses_1"
        assert line.worker.attempts == ()
        await double.until_watched()

    assert line.begun == ["rnr_1"] * 3
    assert len(line.hearts) == 1


async def test_heartbeats_go_on_while_the_streams_are_broken(double, folder, clock):
    async with on_line(double, folder, clock=clock) as line:
        await double.until_watched()
        double.answer.clear()
        double.break_watch(Unavailable("the stream broke"))
        await double.until(lambda: len(double.opened) == 2)

        heart, asked_s = line.heart, clock.s
        clock.s += 100 * line.leases.beat_s
        await until(lambda: line.worker.attempts)
        heart.pulse.answered(heart.pulse.next(), HeartbeatResponse())
        clock.s = asked_s + 150 * line.leases.beat_s
        assert line.leases.holds(ATTEMPT)

        double.answer.set()
        await double.until_watched()
        assert line.heart is heart


async def test_a_new_session_has_a_heart_of_its_own(double, folder, clock):
    double.session_ids = ["ses_1", "ses_2"]
    async with on_line(double, folder, clock=clock) as line:
        await double.until_watched()
        double.break_watch(Unavailable("the scheduler began anew"))
        await double.until_watched()

        assert [heart.stopped for heart in line.hearts] == [True, False]
        assert line.heart.pulse.next().request.session_id == "ses_2"
    assert [heart.stopped for heart in line.hearts] == [True, True]


async def test_a_session_that_was_replaced_confirms_nothing_until_the_next(double, folder, clock):
    double.session_ids = ["ses_1", "ses_2"]
    async with on_line(double, folder, clock=clock) as line:
        await double.until_watched()
        double.answer.clear()
        double.break_watch(SUPERSEDED)
        await double.until(lambda: len(double.opened) == 2)
        assert not line.leases.holds(ATTEMPT)
        assert line.hearts[0].stopped

        double.answer.set()
        await double.until_watched()
        assert line.leases.holds(ATTEMPT)


async def test_a_heartbeat_that_is_told_so_freezes_from_its_own_thread(double, folder, clock):
    double.session_ids = ["ses_1", "ses_2"]
    async with on_line(double, folder, clock=clock) as line:
        await double.until_watched()
        await until(lambda: line.worker.attempts)
        double.answer.clear()
        # As the heart's thread does while the loop is blocked: nothing else runs until the next await.
        line.heart.pulse.on_superseded()
        assert not line.leases.holds(ATTEMPT)

        double.answer.set()
        await double.until(lambda: len(double.opened) == 2)
        await until(lambda: line.leases.holds(ATTEMPT))


async def test_any_call_that_is_told_so_ends_the_session(double, folder, clock):
    done = asyncio.Event()

    async def work(assignment, inbox, log, runner_id):
        await done.wait()
        return Outcome(AttemptPhase.SUCCEEDED)

    double.session_ids = ["ses_1", "ses_2"]
    double.failures["FinishAttempts"] = [SUPERSEDED]
    async with on_line(double, folder, clock=clock, run_attempt=work) as line:
        await double.until_watched()
        await until(lambda: line.worker.attempts)
        double.answer.clear()
        done.set()
        await double.until(lambda: len(double.opened) == 2)
        assert not line.leases.holds(ATTEMPT)

        double.answer.set()
        await double.until(lambda: double.outcomes)


async def test_a_scheduler_that_began_anew_is_asked_at_once_and_nothing_freezes(double, folder, clock):
    double.session_ids = ["ses_1", "ses_2"]
    async with on_line(double, folder, clock=clock) as line:
        await double.until_watched()
        double.failures["OpenSession"] = [Unavailable("it starts")] * 2
        double.break_watch(Unavailable("it went away"))
        await double.until(lambda: len(double.opened) == 3)
        line.heart.pulse.on_superseded()
        assert line.leases.holds(ATTEMPT)
        await double.until_watched()
        assert line.leases.holds(ATTEMPT)


async def test_where_the_next_session_is_refused_after_that_everything_freezes(double, folder, clock):
    async with on_line(double, folder, clock=clock) as line:
        await double.until_watched()
        double.failures["OpenSession"] = [Unavailable("it starts")] * 1000
        double.break_watch(Unavailable("it went away"))
        await double.until(lambda: len(double.opened) == 2)
        line.heart.pulse.on_superseded()
        await until(lambda: not line.leases.holds(ATTEMPT))


async def test_a_runner_whose_credential_is_revoked_stands_still_and_ends_with_the_cause(double, folder, clock):
    async def revoked():
        async with on_line(double, folder, clock=clock) as line:
            await double.until_watched()
            assert line.leases.holds(ATTEMPT)
            double.break_watch(Unauthenticated("the credential was revoked"))
            await asyncio.wait([line.running], timeout=20)
            assert not line.leases.holds(ATTEMPT)
            assert all(heart.stopped for heart in line.hearts)

    with pytest.raises(ExceptionGroup) as ended:
        await revoked()
    (cause,) = ended.value.exceptions
    assert isinstance(cause, RunnerRefused)
    assert "refuses this runner: the credential was revoked; see ERRAND_TOKEN_FILE" in str(cause)


class Ceilings(random.Random):
    """Waits not at all, and knows how long it might have."""

    def __init__(self):
        super().__init__(0)
        self.seen: list[float] = []

    def uniform(self, a, b):
        self.seen.append(b)
        return 0.0


async def broken_again(double, times):
    for _ in range(times):
        await double.until_watched()
        double.break_watch(Exhausted("the disk is full"))
    await double.until_watched()


async def test_sessions_that_end_at_once_are_opened_less_and_less_often(double, folder, clock):
    chance = Ceilings()
    async with on_line(double, folder, clock=clock, chance=chance):
        await broken_again(double, 4)

    assert chance.seen == [0.5, 1, 2, 4]


async def test_after_a_session_that_lived_the_next_is_opened_soon(double, folder, clock):
    chance = Ceilings()
    async with on_line(double, folder, clock=clock, chance=chance) as line:
        await broken_again(double, 3)
        clock.s += 6 * line.leases.beat_s
        await broken_again(double, 1)

    assert chance.seen == [0.5, 1, 2, 0.5]


async def test_after_a_session_that_stored_something_the_next_is_opened_soon(double, folder, clock):
    chance = Ceilings()
    async with on_line(double, folder, clock=clock, chance=chance) as line:
        await broken_again(double, 3)
        log = line.worker.outbox.logs[ATTEMPT]
        await log.append(runner_pb2.AttemptEvent())
        async with asyncio.timeout(20):
            await log.drained()
        await broken_again(double, 1)

    assert chance.seen == [0.5, 1, 2, 0.5]


async def test_a_scheduler_that_wants_to_be_left_alone_is(double, folder, clock):
    async with on_line(double, folder, clock=clock):
        await double.until_watched()
        began_s = asyncio.get_running_loop().time()
        double.break_watch(Exhausted("the disk is full", retry_after=timedelta(seconds=0.7)))
        await double.until(lambda: len(double.opened) == 2)
        assert asyncio.get_running_loop().time() - began_s > 0.65


async def test_a_quarantine_is_told_with_its_cure_and_waited_out(double, folder, clock):
    double.failures["OpenSession"] = [
        Exhausted("two processes", reason="RUNNER_QUARANTINED", retry_after=timedelta(seconds=0.2))
    ]
    with capture_logs() as logs:
        async with on_line(double, folder, clock=clock) as line:
            await double.until(lambda: double.opened)
            assert not line.leases.holds(ATTEMPT)
            began_s = asyncio.get_running_loop().time()
            await double.until_watched()
            assert asyncio.get_running_loop().time() - began_s > 0.15
            assert line.leases.holds(ATTEMPT)

    (told,) = (log for log in logs if log["event"] == "runner_quarantined")
    assert told["log_level"] == "error"
    assert "stop one of the two" in told["cure"]


async def test_a_scheduler_that_is_too_far_away_is_asked_again_until_it_is_brought_up_to_date(double, folder, clock):
    far = Conflict("knows the conversations 3 to 4; bring the scheduler up to date", reason="INCOMPATIBLE")
    double.failures["OpenSession"] = [far, far]
    with capture_logs() as logs:
        async with on_line(double, folder, clock=clock):
            await double.until_watched()
    told = [each["error"] for each in logs if each["event"] == "session_broken"]
    assert told[:2] == [far.message] * 2
    said = double.opened[0]
    assert (said.protocol.oldest, said.protocol.newest) == (OURS.oldest, OURS.newest)
    assert list(said.features) == list(FEATURES)


async def test_what_only_a_newer_scheduler_says_is_passed_over(double, folder, clock):
    double.wanted[0].MergeFromString(b"\xba\x3e\x05later")
    double.directives.verdicts.add(attempt=runner_pb2.AttemptRef(attempt_id=ATTEMPT, fence=1), verdict=99)
    async with on_line(double, folder, clock=clock) as line:
        await double.until_watched()
        await until(lambda: line.worker.attempts)
        line.worker.on_directives(double.directives)
        assert line.worker.attempts
