"""`errand-runner leave`: has this host leave for good, and waits until it has."""

import argparse
import asyncio
import shutil
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from errand.v1.dispatch_service_pb2 import LeaveRequest
from errand.v1.dispatch_service_pb2_grpc import DispatchServiceStub
from errand_common import config, handshake, rpc
from errand_common.credentials import read_secret
from errand_common.errors import ErrandError, Exhausted, Unauthenticated, Unavailable
from errand_common.service import StartError
from errand_common.wire import duration
from errand_runner.config import RunnerSettings
from errand_runner.joined import Joined

if TYPE_CHECKING:  # the stubs of the aio flavour are known to the type checker alone
    from errand.v1.dispatch_service_pb2_grpc import DispatchServiceAsyncStub

_CALL_S = 10.0
_LOOK_S = 2.0


def add_leave_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "--within",
        type=float,
        metavar="MINUTES",
        help="for how long what it has may go on; the rest goes on at another host; without it until all is done",
    )


async def leave(arguments: argparse.Namespace) -> int:
    """Leave; returns 0 once the scheduler knows this host no more. Raises ConfigError and StartError."""
    settings = config.load(RunnerSettings)
    try:
        ca, token = settings.ca_file.read_bytes(), read_secret(settings.token_file)
    except (OSError, ValueError) as exc:
        raise StartError(f"this host has no credential ({exc}); it has not joined, or has left") from exc
    request = LeaveRequest(drain_duration=None if arguments.within is None else duration(arguments.within * 60))
    joined = Joined(settings.data)
    async with rpc.channel(settings.scheduler, ca=ca) as channel:
        await _until_left(DispatchServiceStub(channel), token, request, settings.scheduler, joined)
    shutil.rmtree(joined.folder, ignore_errors=True)
    _say("this host has left; errand-runner, which has nothing to do here any more, ends by itself")
    return 0


async def _until_left(
    stub: "DispatchServiceAsyncStub", token: str, request: LeaveRequest, scheduler: str, joined: Joined
) -> None:
    told, known = -1, False
    while True:
        try:
            with rpc.renamed_errors():
                answer = await stub.Leave(request, metadata=rpc.bearer(token), timeout=_CALL_S)
            known = True
            _mark(joined)
            if answer.attempts != told:
                told = answer.attempts
                _say(f"it is offered nothing more, and has {told} {'task' if told == 1 else 'tasks'} still")
        except Unauthenticated as exc:
            if known:
                return
            raise StartError(f"the scheduler at {scheduler} does not know this host: {exc.message}") from exc
        except (Unavailable, Exhausted) as exc:
            if trouble := await handshake.look_at_scheduler(exc.transport, scheduler):
                raise StartError(trouble) from exc
            print(f"waiting for the scheduler at {scheduler}: {exc.message}", file=sys.stderr, flush=True)
        except ErrandError as exc:
            raise StartError(f"this host cannot leave: {exc.message}") from exc
        await asyncio.sleep(_LOOK_S)


def _mark(joined: Joined) -> None:
    """For the runner, which learns in its own way that it is known no more."""
    # Without it that is told as an error: no reason to stay.
    with suppress(OSError):
        joined.leaving.touch()


def _say(words: str) -> None:
    print(words, flush=True)
