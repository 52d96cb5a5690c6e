"""A host is cut off until what it had is given up; or its connection takes everything and delivers nothing."""

import asyncio
import json
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from errand.v1 import runner_pb2
from errand_runner.lease import PUSH_BEATS
from tests.chaos.fault import fault
from tests.chaos.home import BEAT_S
from tests.chaos.observer import Observer
from tests.chaos.prompts import ran
from tests.chaos.trial import Trial
from tests.demo.phone import Json
from tests.e2e.watching import no_container

PUSHES = 'yes | xargs -I% sh -c "sleep 0.3 && git commit -q --allow-empty -m % && git push -q origin HEAD"'
"""A command that leaves one more commit at the git host, three times a second, for as long as it may."""
FOUND_S = 15.0
"""Within which a connection that delivers nothing is found out (rpc.Keepalive)."""
SLACK_S = 5.0


@fault("T15", "a host is cut off until it is lost, then comes back", needs=("root", "ip", "iptables"))
async def lost_and_back(trial: Trial) -> None:
    fleet = await trial.fleet()
    async with fleet.watch(f"Steps: {PUSHES}") as observer:
        await observer.until(ran("yes"))
        host = fleet.hosts[(await fleet.operator.at_work()).name]
        await _until_pushed(observer)
        container = observer.container()
        runner_log, scheduler_log = (fleet.stack.processes.log_of(name) for name in (host.name, "scheduler"))
        await host.drop("INPUT", "OUTPUT")
        cut = datetime.now(UTC)
        trial.injected()
        lost = await observer.ended()
        assert (lost["status"], lost["failure_reason"]) == ("failed", "runner_lost")
        ((attempt_id, phase, _),) = observer.attempts()
        assert phase == "lost"
        frozen, given_up = _when(runner_log, "attempt_frozen"), _when(scheduler_log, "attempt_moved", new="lost")
        assert frozen < given_up, f"frozen at {frozen}, given up at {given_up}"
        assert _is_paused(container)
        pushed = observer.at_host("rev-parse", f"refs/heads/{observer.task['branch']}")
        last_push = _committed(observer, pushed) - cut
        assert last_push < timedelta(seconds=PUSH_BEATS * BEAT_S + 2), f"I12: pushed {last_push} after it was cut off"
        await host.heal()
        with trial.recovery(limit_s=FOUND_S):
            await fleet.operator.until(host.name, runner_pb2.RUNNER_CONDITION_READY)
            await no_container(observer.task)
        assert not _lines(runner_log, "attempt_thawed"), "it went on after it was given up"
        assert observer.at_host("rev-parse", f"refs/heads/{observer.task['branch']}") == pushed
        assert observer.attempts() == [(attempt_id, "lost", observer.attempts()[0][2])]
    trial.checked(
        f"frozen {(given_up - frozen).total_seconds():.1f} s before it was given up", "no push after", "I2 I12"
    )


@fault("T17", "a connection takes everything and delivers nothing, and so does every new one")
async def black_hole(trial: Trial) -> None:
    home = await trial.home()
    runner_log = home.stack.processes.log_of("runner")
    broken = len(_lines(runner_log, "session_broken"))
    home.wire.cut()
    trial.injected()
    cut_s = time.monotonic()
    try:
        await home.operator.until("local", runner_pb2.RUNNER_CONDITION_NOT_CONNECTED)
        async with asyncio.timeout(FOUND_S + SLACK_S):
            while len(_lines(runner_log, "session_broken")) <= broken:
                await asyncio.sleep(0.1)
        took_s = time.monotonic() - cut_s
        assert took_s < FOUND_S + SLACK_S
    finally:
        home.wire.mend()
    with trial.recovery(limit_s=FOUND_S):
        await home.operator.until("local", runner_pb2.RUNNER_CONDITION_READY)
    trial.checked(f"both ends knew after {took_s:.1f} s")


async def _until_pushed(observer: Observer) -> None:
    async with asyncio.timeout(30):
        while not observer.at_host("for-each-ref", f"refs/heads/{observer.task['branch']}"):
            await asyncio.sleep(0.1)


def _committed(observer: Observer, commit: str) -> datetime:
    return datetime.fromisoformat(observer.at_host("show", "-s", "--format=%cI", commit.strip()).strip())


def _is_paused(container: str) -> bool:
    command = ["docker", "inspect", "--format", "{{.State.Paused}}", container]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == "true"


def _lines(log: Path, event: str, **fields: str) -> list[Json]:
    """What a service logged of an event."""
    said = [json.loads(line) for line in log.read_text().splitlines() if f'"{event}"' in line]
    return [each for each in said if each["event"] == event and fields.items() <= each.items()]


def _when(log: Path, event: str, **fields: str) -> datetime:
    """The last time, by the clock that all processes of this machine share."""
    return datetime.fromisoformat(_lines(log, event, **fields)[-1]["timestamp"])
