"""The runner put together: leaves, core, and the line to the scheduler."""

import asyncio
import os
import random
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog

from errand.v1.dispatch_service_pb2_grpc import DispatchServiceStub
from errand.v1.runner_pb2 import HostReport
from errand_common import garbage, images, metrics, rpc
from errand_common.clock import Clock
from errand_common.credentials import PEM_END, awaited
from errand_common.ids import Ids
from errand_common.tasks import until_one_ends
from errand_runner.agent.model import Model
from errand_runner.agent.prices import PriceList
from errand_runner.agent.probe import probe
from errand_runner.attempt import Means, run_attempt
from errand_runner.book import Book
from errand_runner.brake import Brake
from errand_runner.broker.egress.internet import PublicInternet
from errand_runner.clean import CleanRooms
from errand_runner.config import RunnerSettings
from errand_runner.deltas import Deltas
from errand_runner.dispatch import Dispatch
from errand_runner.flood import Flood
from errand_runner.heartbeat import NewHeart, ThreadHeart
from errand_runner.host import Host
from errand_runner.host_report import HostReports
from errand_runner.housekeeping import Housekeeping
from errand_runner.joined import Joined
from errand_runner.journal import Journal
from errand_runner.lease import Leases
from errand_runner.leftovers import Leftovers
from errand_runner.lent_before import LentBefore
from errand_runner.lifelines import Lifelines
from errand_runner.metrics.state import State
from errand_runner.outage import GitPatience
from errand_runner.outbox import Outbox
from errand_runner.pool import Pool
from errand_runner.presence import presence_file
from errand_runner.refused import until_refused
from errand_runner.retention import KeptFor, Retention
from errand_runner.sandbox.docker import SandboxSpec
from errand_runner.session import Sessions
from errand_runner.spare_memory import has_spare_memory
from errand_runner.watermark import marks_of
from errand_runner.worker import Worker


async def serve(settings: RunnerSettings, host: Host) -> None:
    """Works until it is cancelled; what is at work then is taken up by the next start. Raises StartError."""
    model = Model(api_key=settings.model_key.get_secret_value(), base_url=settings.model_url, headers=settings.headers)
    try:
        # Before anything is waited for: a wrong key is told at once.
        await probe(model, settings.model)
        await _serve(settings, host, model)
    finally:
        await model.close()


async def _serve(settings: RunnerSettings, host: Host, model: Model) -> None:
    ca = await awaited(settings.ca_file, setting="ERRAND_CA_FILE", ending=PEM_END)
    token = (await awaited(settings.token_file, setting="ERRAND_TOKEN_FILE", ending=b"")).decode().strip()
    await asyncio.to_thread(_make_socket_root, host.socket_root)
    clock, outbox, internet = Clock(), Outbox(settings.data / "outbox"), PublicInternet()
    structlog.get_logger().info("runner_started", scheduler=settings.scheduler, slots=settings.slots)
    try:
        with rpc.sync_channel(settings.scheduler, ca=ca) as heart_channel:
            async with rpc.channel(settings.scheduler, ca=ca) as channel:
                chance = random.Random()  # noqa: S311  # jitter, not a secret
                dispatch = Dispatch(DispatchServiceStub(channel), token, chance)
                pool = _pool(settings, host, clock, free_slots=lambda: settings.slots - len(worker.attempts))
                means = _means(
                    settings,
                    host,
                    model=model,
                    dispatch=dispatch,
                    outbox=outbox,
                    internet=internet,
                    clock=clock,
                    pool=pool,
                )
                leftovers = _leftovers(host, means)
                worker = _worker(means, outbox, leftovers)
                reports = HostReports(
                    room=host.room,
                    warm=lambda: pool.waiting,
                    engine_version=host.engine_version,
                    image=settings.image,
                    clock=clock,
                )
                new_heart = partial(ThreadHeart, DispatchServiceStub(heart_channel), token)
                sessions = _sessions(settings, means, worker, new_heart=new_heart, chance=chance, host=reports.now)
                garbage.look_rarely()
                chores = _chores(settings, host, means, leftovers=leftovers)
                state = _state(settings, host, means, worker=worker, outbox=outbox)
                async with metrics.told(settings.metrics_listen, state):
                    line = until_refused(
                        sessions.run(),
                        leases=means.leases,
                        abandon=leftovers.abandon,
                        leaves=Joined(settings.data).leaving.exists,
                    )
                    await until_one_ends(worker.run(line), reports.watch(), *chores)
    finally:
        internet.close()
        outbox.close()


def _leftovers(host: Host, means: Means) -> Leftovers:
    return Leftovers(
        host.engine,
        means.journal,
        means.book,
        means.leases,
        socket_root=host.socket_root,
        others=(means.pool, means.clean),
    )


def _worker(means: Means, outbox: Outbox, leftovers: Leftovers) -> Worker:
    async def begin(runner_id: str) -> None:
        await leftovers.begin(runner_id)
        means.pool.begin(runner_id)

    return Worker(
        dispatch=means.dispatch,
        outbox=outbox,
        deltas=means.deltas,
        leases=means.leases,
        clock=means.clock,
        begin=begin,
        run_attempt=partial(run_attempt, means),
    )


def _sessions(
    settings: RunnerSettings,
    means: Means,
    worker: Worker,
    *,
    new_heart: NewHeart,
    chance: random.Random,
    host: Callable[[], HostReport],
) -> Sessions:
    return Sessions(
        worker,
        new_heart=new_heart,
        chance=chance,
        slots=settings.slots,
        labels=settings.offered_labels,
        nonce=os.urandom(8).hex(),
        leases=means.leases,
        clock=means.clock,
        presence=presence_file(settings.data),
        scheduler=settings.scheduler,
        host=host,
    )


def _chores(
    settings: RunnerSettings, host: Host, means: Means, *, leftovers: Leftovers
) -> tuple[Coroutine[object, object, None], ...]:
    """What goes on beside the attempts, for ever."""
    lifelines = Lifelines(means.journal, socket_root=host.socket_root, others=means.clean)
    retention = _retention(settings, host, means)
    housekeeping = Housekeeping(
        host.engine, means.book, retention, leftovers, clock=means.clock, state_dir=host.socket_root.parent
    )
    marks = marks_of(host.room.wanted_bytes)
    flood = Flood(
        host.engine, means.book, retention, means.brake, room=host.room, workspace_room=host.workspace_room, marks=marks
    )
    return leftovers.watch(), lifelines.watch(), housekeeping.watch(), flood.watch(), means.pool.run()


def _state(settings: RunnerSettings, host: Host, means: Means, *, worker: Worker, outbox: Outbox) -> State:
    """What Prometheus is told of."""
    return State(
        worker=worker,
        outbox=outbox,
        pool=means.pool,
        journal=means.journal,
        room=host.room,
        slots=settings.slots,
        presence=presence_file(settings.data),
    )


def _means(
    settings: RunnerSettings,
    host: Host,
    *,
    model: Model,
    dispatch: Dispatch,
    outbox: Outbox,
    internet: PublicInternet,
    clock: Clock,
    pool: Pool,
) -> Means:
    leases, ids = Leases(clock), Ids(clock)
    return Means(
        engine=host.engine,
        room=host.room,
        git_patience=GitPatience(settings.git_patience_seconds),
        engine_patience_s=settings.engine_patience_seconds,
        model=model,
        model_id=settings.model,
        model_key=settings.model_key.get_secret_value(),
        prices=PriceList.load(),
        dispatch=dispatch,
        deltas=Deltas(outbox.changed),
        internet=internet,
        leases=leases,
        brake=Brake(leases),
        clock=clock,
        ids=ids,
        image=settings.image,
        limits=host.limits,
        runtime=settings.runtime,
        pulls_images=settings.image_pull == "missing",
        socket_root=host.socket_root,
        journal=Journal(settings.data / "sandboxes"),
        book=Book(settings.data / "workspaces", clock),
        pool=pool,
        clean=CleanRooms(host.engine, ids=ids, socket_root=host.socket_root, has_room=partial(_has_room, host)),
        lent_before=LentBefore(),
    )


def _pool(settings: RunnerSettings, host: Host, clock: Clock, *, free_slots: Callable[[], int]) -> Pool:
    async def new_spec(sandbox_id: str, workspace_id: str, socket_dir: Path, image: str, runner_id: str) -> SandboxSpec:
        spec = SandboxSpec(
            sandbox_id=sandbox_id,
            workspace_id=workspace_id,
            # Nobody knows yet whose it will be.
            task_id="",
            runner_id=runner_id,
            image=settings.image,
            socket_dir=socket_dir,
            limits=host.limits,
            runtime=settings.runtime,
        )
        if image == settings.image:
            return spec
        env = await host.engine.images.look(images.parse(image), spec)
        return replace(spec, image=image, image_env=env, workspace_image=settings.image)

    return Pool(
        host.engine,
        wanted=settings.warm,
        new_spec=new_spec,
        ids=Ids(clock),
        clock=clock,
        socket_root=host.socket_root,
        free_slots=free_slots,
        has_room=partial(_has_room, host),
    )


def _has_room(host: Host) -> bool:
    """Whether the host bears one more sandbox."""
    return has_spare_memory() and not host.room.shortage()


def _retention(settings: RunnerSettings, host: Host, means: Means) -> Retention:
    return Retention(
        host.engine,
        means.book,
        clock=means.clock,
        limits=KeptFor(settings.workspace_days, settings.max_workspaces),
        is_short=lambda: host.workspace_room.shortage() is not None,
    )


def _make_socket_root(root: Path) -> None:
    """Closed to other people of this host: whoever reaches a socket is taken for its sandbox. The engine, being root,
    passes. The folders of sandboxes that run are in it: a socket in a new folder would not be seen in them."""
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o700)
