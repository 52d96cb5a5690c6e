"""What a task runs in dies, or its Docker does. The machine's own is only taken away from the runner, for others use it
too; one of the scenario's own is killed."""

import asyncio
import os
import signal

from errand_runner.agent.transcript import INTERRUPTED
from errand_runner.sandbox.profile import GUEST_FOLDER
from tests.chaos.fault import fault, lacking
from tests.chaos.home import Home
from tests.chaos.observer import Observer, check, gapless
from tests.chaos.own_engine import NEEDS, own_engine
from tests.chaos.prompts import began, kind, lines, ran, steps
from tests.chaos.trial import Trial
from tests.demo.stack import image_tag
from tests.e2e.engine_proxy import EngineProxy, engine_proxy
from tests.e2e.watching import containers, no_container

CUTS = (
    (r"POST /v[0-9.]+/containers/create", False, 0),
    (r"POST /v[0-9.]+/containers/\w+/start", False, 1),
    (r"POST /v[0-9.]+/containers/\w+/start", True, 1),
)
"""Where the runner is killed: before a container is made, before it is started, before it is told that it was; and how
many containers it leaves."""

STEP_S = 1.25
KILLED = {"command": "exit code 137", "supervisor": INTERRUPTED, "container": INTERRUPTED}
"""What dies in a sandbox, and what Claude is told of the call that it was at."""


@fault("T10", "kill -9 of the runner before a container is made, before it is started, before it knows", quick=True)
async def killed_while_it_opens(trial: Trial) -> None:
    home = await trial.home()
    async with engine_proxy(home.stack.folder) as proxy:
        await _use(home, proxy)
        try:
            for call, reply, made in CUTS:
                async with proxy.holding(call, reply=reply) as reached, home.watch("Steps: sleep 600") as observer:
                    async with asyncio.timeout(30):
                        await reached.wait()
                    left = containers(observer.task)
                    await home.kill("runner")
                    trial.injected()
                    assert len(left) == made
                    with trial.recovery(limit_s=15.0):
                        await home.start("runner")
                        await observer.until(ran("sleep 600"))
                    at_work = containers(observer.task)
                    assert len(at_work) == 1, "never two containers"
                    assert (at_work == left) is reply, f"{left} was left, and {at_work} is at work"
                    await home.phone.stop(observer.task)
                    assert (await observer.ended())["status"] == "cancelled"
                    opened = [event["kind"] for event in observer.events if event["kind"].startswith("sandbox_")]
                    assert opened[:1] == ["sandbox_adopted" if reply else "sandbox_opened"], opened
                    await gapless(observer)
                    await no_container(observer.task)
        finally:
            await _use(home, None)
    for folder in ("s", "sandboxes"):
        assert list((home.stack.folder / "runner" / folder).iterdir()) == []
    trial.checked("one container, adopted where it was started", "nothing left over", "I8")


@fault("T11", "kill -9 of what runs in a sandbox: the command, its supervisor, the container; and out of memory")
async def sandbox_dies(trial: Trial) -> None:
    home = await trial.home()
    for victim, words in KILLED.items():
        async with home.watch(steps(STEP_S, 4)) as observer:
            await observer.until(began(1))
            await _hit(home, observer.container(), victim)
            trial.injected()
            with trial.recovery(limit_s=15.0):
                await observer.until(began(2))
            await check(observer)
            trace = observer.trace()
            assert sorted(set(trace)) == trace, f"a command ran twice: {trace}"
            assert {"0", "2", "3"} <= set(trace), trace
            told = [call["output"] for call in await home.phone.tool_calls(observer.task)]
            assert any(words in output for output in told), told
            await no_container(observer.task)
    hog = "python3 -c 'x = bytearray(3 << 30)'"
    async with home.watch(f"Steps: echo 0 >> trace; {hog}; echo 2 >> trace") as observer:
        await check(observer)
        trial.injected()
        (_, call, _) = await home.phone.tool_calls(observer.task)
        assert "memory limit" in call["output"], call
    assert observer.trace() == ["0", "2"]
    trial.checked("told to Claude", "one attempt", "no command ran twice", "I8")


@fault("T12", "Docker is killed, and back after 24 beats with the containers alive, and without; or it hangs so long")
async def docker_away(trial: Trial) -> None:
    lacks = lacking(*NEEDS)
    if lacks:
        trial.checked(f"none was killed, but taken away, for this machine lacks {lacks}")
    else:
        await _is_killed(trial)
    home = await trial.home()
    async with engine_proxy(home.stack.folder) as proxy:
        await _use(home, proxy)
        try:
            if lacks:
                await _is_taken_away(trial, home, proxy)
            for restarted in (False, True):
                await _hangs(trial, home, proxy, restarted=restarted)
        finally:
            await _use(home, None)
    trial.checked("no end while it is away", "adopted, or replaced", "one attempt", "no command ran twice", "I8")


async def _is_killed(trial: Trial) -> None:
    """A real one, by SIGKILL; what it finds of its containers when it is started again it keeps, or ends."""
    async with own_engine(image_tag()) as engine, trial.own_home() as home:
        for live_restore in (True, False):
            async with home.watch(steps(1.0, 4)) as observer:
                await observer.until(began(1))
                await engine.kill()
                trial.injected()
                await observer.until(kind("engine_away"))
                await _no_false_end(home, observer)
                await engine.start(live_restore=live_restore)
                await _goes_on(trial, observer, "sandbox_adopted" if live_restore else "sandbox_replaced")


async def _is_taken_away(trial: Trial, home: Home, proxy: EngineProxy) -> None:
    """From the runner alone."""
    for lives in (True, False):
        async with home.watch(steps(1.0, 4)) as observer:
            await observer.until(began(1))
            before = observer.container()
            await proxy.take_away()
            trial.injected()
            await observer.until(kind("engine_away"))
            if not lives:
                await home.docker("kill", before)
            await _no_false_end(home, observer)
            await proxy.bring_back()
            await _goes_on(trial, observer, "sandbox_adopted" if lives else "sandbox_replaced")


async def _hangs(trial: Trial, home: Home, proxy: EngineProxy, *, restarted: bool) -> None:
    """It takes every call and answers none, until it goes on by itself, or is started anew."""
    async with home.watch(steps(1.0, 4)) as observer:
        await observer.until(began(1))
        before = observer.container()
        proxy.hang()
        trial.injected()
        async with home.watch(steps(0.1, 2)) as later:
            await _no_false_end(home, observer, later)
            if restarted:
                await proxy.take_away()
                await observer.until(kind("engine_away"))
                await proxy.bring_back()
                await _goes_on(trial, observer, "sandbox_adopted")
            else:
                proxy.go_on()
                with trial.recovery(limit_s=15.0):
                    await observer.until(began(2))
                assert observer.container() == before
                await check(observer)
                assert observer.trace() == lines(4)
                assert not any(event["kind"].startswith(("sandbox_a", "sandbox_r")) for event in observer.events)
            assert (await later.ended())["status"] == "completed"
            assert later.trace() == lines(2)
            await gapless(later)
            await no_container(later.task)


async def _no_false_end(home: Home, *observers: Observer) -> None:
    """For 24 beats."""
    await asyncio.sleep(24 * home.stack.beat_s)
    for observer in observers:
        assert (await home.phone.task(observer.task))["status"] == "running", "a false end"


async def _goes_on(trial: Trial, observer: Observer, sandbox: str) -> None:
    """In its sandbox, or another one on the same workspace, as the kind of event says."""
    with trial.recovery(limit_s=15.0):
        await observer.until(kind(sandbox))
    await check(observer)
    trace = observer.trace()
    assert trace in (lines(4), ["0", "2", "3"]), trace
    await no_container(observer.task)


async def _use(home: Home, proxy: EngineProxy | None) -> None:
    """Have the runner take this for its Docker; None for the real one."""
    await home.stack.processes.stop("runner")
    home.stack.runner_settings.pop("DOCKER_HOST", None)
    if proxy is not None:
        home.stack.runner_settings["DOCKER_HOST"] = proxy.docker_host
    await home.start("runner")


async def _hit(home: Home, container: str, victim: str) -> None:
    if victim == "container":
        await home.docker("kill", container)
        return
    listed = (await home.docker("top", container, "-eo", "pid,args")).splitlines()[1:]
    rows = [line.split(None, 1) for line in listed]
    # A container has a sleep of its own too.
    step = f"sleep {STEP_S}"
    found = [pid for pid, words in rows if (words == step if victim == "command" else GUEST_FOLDER in words)]
    os.kill(int(found[0]), signal.SIGKILL)
