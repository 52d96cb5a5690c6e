"""`errand-runner`: it composes config, log, leaves, core and the line to the scheduler."""

import asyncio
import os
import shutil
from functools import partial
from pathlib import Path

import structlog

from errand.v1.dispatch_service_pb2_grpc import DispatchServiceStub
from errand_common import config, log, rpc, service
from errand_common.clock import Clock
from errand_common.credentials import PEM_END, awaited
from errand_common.errors import Unavailable
from errand_common.ids import Ids
from errand_common.service import StartError
from errand_common.tasks import until_one_ends
from errand_runner import doorway
from errand_runner.agent.model import Model
from errand_runner.agent.prices import PriceList
from errand_runner.attempt import Means, run_attempt
from errand_runner.config import RunnerSettings
from errand_runner.dispatch import Dispatch
from errand_runner.events import Deltas
from errand_runner.lease import Leases
from errand_runner.outbox import Outbox
from errand_runner.sandbox.docker import Engine, EngineUnavailable, SandboxFailed
from errand_runner.session import Sessions
from errand_runner.worker import Worker


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    service.run(_run)


async def _run(stop: asyncio.Event) -> None:
    settings = config.load(RunnerSettings)
    log.configure(service="runner", log_format=settings.log_format)
    _check_path(settings)
    try:
        async with Engine.connect(state_dir=settings.data.resolve()) as engine:
            await until_one_ends(stop.wait(), _serve(settings, engine))
    except EngineUnavailable as exc:
        raise StartError(str(exc)) from exc


async def _serve(settings: RunnerSettings, engine: Engine) -> None:
    """Works until it is cancelled; what is at work then is taken up by the next start."""
    ca = await awaited(settings.ca_file, setting="ERRAND_CA_FILE", ending=PEM_END)
    token = (await awaited(settings.token_file, setting="ERRAND_TOKEN_FILE", ending=b"")).decode().strip()
    await asyncio.to_thread(_make_socket_root, _socket_root(settings))
    clock, outbox = Clock(), Outbox(settings.data / "outbox")
    model = Model(api_key=settings.model_key.get_secret_value(), base_url=settings.model_url)
    structlog.get_logger().info("runner_started", scheduler=settings.scheduler, slots=settings.slots)
    try:
        with rpc.sync_channel(settings.scheduler, ca=ca) as heart_channel:
            async with rpc.channel(settings.scheduler, ca=ca) as channel:
                dispatch = Dispatch(DispatchServiceStub(channel), token)
                means = _means(settings, engine=engine, model=model, dispatch=dispatch, outbox=outbox, clock=clock)
                worker = Worker(
                    dispatch=dispatch,
                    outbox=outbox,
                    deltas=means.deltas,
                    leases=means.leases,
                    clock=clock,
                    begin=partial(_sweep, engine),
                    run_attempt=partial(run_attempt, means),
                )
                sessions = Sessions(
                    worker,
                    heart_stub=DispatchServiceStub(heart_channel),
                    token=token,
                    slots=settings.slots,
                    nonce=os.urandom(8).hex(),
                    leases=means.leases,
                    clock=clock,
                )
                await worker.run(sessions.run())
    finally:
        await model.close()
        outbox.close()


def _means(
    settings: RunnerSettings, *, engine: Engine, model: Model, dispatch: Dispatch, outbox: Outbox, clock: Clock
) -> Means:
    return Means(
        engine=engine,
        model=model,
        model_id=settings.model,
        model_key=settings.model_key.get_secret_value(),
        prices=PriceList.load(),
        dispatch=dispatch,
        deltas=Deltas(outbox.changed),
        leases=Leases(clock),
        clock=clock,
        ids=Ids(clock),
        image=settings.image,
        socket_root=_socket_root(settings),
    )


async def _sweep(engine: Engine, runner_id: str) -> None:
    """Remove the containers of an earlier process. Raises Unavailable: without Docker there is no session to open."""
    try:
        await engine.sweep(runner_id, keep=set())
    except (EngineUnavailable, SandboxFailed) as exc:
        raise Unavailable(str(exc)) from exc


def _socket_root(settings: RunnerSettings) -> Path:
    """Where the sandboxes' socket folders lie; short, for a socket's path has 107 bytes (unix(7))."""
    return settings.data.resolve() / "s"


def _make_socket_root(root: Path) -> None:
    """Empty, without what a process that was killed left, and closed to other people of this host: whoever reaches a
    socket is taken for its sandbox. The engine, being root, passes."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True, mode=0o700)


def _check_path(settings: RunnerSettings) -> None:
    deepest = _socket_root(settings) / Ids(Clock()).new("sbx") / doorway.SOCKET_NAME
    excess = len(bytes(deepest)) - doorway.SOCKET_PATH_BYTES
    if excess > 0:
        most = len(bytes(settings.data.resolve())) - excess
        raise StartError(f"ERRAND_DATA={settings.data} is too long for sockets in it; its path may have {most} bytes")


if __name__ == "__main__":
    main()
