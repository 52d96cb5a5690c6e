"""`errand-runner`: it composes config, log, leaves, core and the line to the scheduler."""

import asyncio
import os
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog

from errand.v1.dispatch_service_pb2_grpc import DispatchServiceStub
from errand_common import config, log, rpc, service
from errand_common.clock import Clock
from errand_common.credentials import read_secret
from errand_common.ids import Ids
from errand_common.service import StartError
from errand_runner import doorway
from errand_runner.agent.model import Model
from errand_runner.agent.prices import PriceList
from errand_runner.attempt import Means, run_attempt
from errand_runner.config import RunnerSettings
from errand_runner.dispatch import Dispatch
from errand_runner.events import Deltas
from errand_runner.lease import Leases
from errand_runner.outbox import Outbox
from errand_runner.sandbox.docker import Engine, EngineUnavailable
from errand_runner.session import Sessions
from errand_runner.worker import Worker


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    service.run(_run)


async def _run(stop: asyncio.Event) -> None:
    settings = config.load(RunnerSettings)
    log.configure(service="runner", log_format=settings.log_format)
    _check_path(settings.data.resolve())
    try:
        async with Engine.connect(state_dir=settings.data.resolve()) as engine:
            await _serve(settings, engine, stop)
    except EngineUnavailable as exc:
        raise StartError(str(exc)) from exc


async def _serve(settings: RunnerSettings, engine: Engine, stop: asyncio.Event) -> None:
    clock = Clock()
    token, ca = await _credentials(settings, stop)
    model_key = settings.model_key.get_secret_value()
    model = Model(api_key=model_key, base_url=settings.model_url)
    outbox = Outbox(settings.data / "outbox")
    with rpc.sync_channel(settings.scheduler, ca=ca) as heart_channel:
        async with rpc.channel(settings.scheduler, ca=ca) as channel:
            means = Means(
                engine=engine,
                model=model,
                model_id=settings.model,
                model_key=model_key,
                prices=PriceList.load(),
                dispatch=Dispatch(DispatchServiceStub(channel), token),
                deltas=Deltas(outbox.changed),
                leases=Leases(clock),
                clock=clock,
                ids=Ids(clock),
                image=settings.image,
                socket_root=settings.data.resolve() / "s",
            )
            worker = Worker(
                dispatch=means.dispatch,
                outbox=outbox,
                deltas=means.deltas,
                leases=means.leases,
                clock=clock,
                begin=lambda runner_id: engine.sweep(runner_id, keep=set()),
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
            structlog.get_logger().info("runner_started", scheduler=settings.scheduler, slots=settings.slots)
            await worker.run(_until(stop, sessions))
    await model.close()
    outbox.close()


def _check_path(data: Path) -> None:
    """A socket's path has 107 bytes (unix(7)); the sandboxes' sockets lie three folders below the data folder."""
    deepest = data / "s" / Ids(Clock()).new("sbx") / doorway.SOCKET_NAME
    if (size := len(bytes(deepest))) > doorway.SOCKET_PATH_BYTES:
        most = len(bytes(data)) - (size - doorway.SOCKET_PATH_BYTES)
        raise StartError(f"ERRAND_DATA={data} is too long for the sockets in it; choose a path of at most {most} bytes")


async def _until(stop: asyncio.Event, sessions: Sessions) -> None:
    async with asyncio.TaskGroup() as group:
        line = group.create_task(sessions.run())
        await stop.wait()
        line.cancel()


async def _credentials(settings: RunnerSettings, stop: asyncio.Event) -> tuple[str, bytes]:
    """This runner's token and the scheduler's CA, waited for: services start in any order."""
    told = False
    while not stop.is_set():
        try:
            return read_secret(settings.token_file), settings.ca_file.read_bytes()
        except FileNotFoundError as exc:
            if not told:
                structlog.get_logger().warning("credentials_awaited", file=exc.filename)
                told = True
        except (OSError, ValueError) as exc:
            raise StartError(f"the runner's credentials cannot be read: {exc}") from exc
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await stop.wait()
    raise StartError("stopped before the scheduler had made this runner's credentials")


if __name__ == "__main__":
    main()
