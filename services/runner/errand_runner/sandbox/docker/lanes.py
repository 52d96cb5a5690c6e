"""Blocking calls to the engine, in lanes of their own: what hangs in one holds up no other."""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import requests
from docker.errors import APIError, DockerException, ImageNotFound

from errand_common.tasks import to_the_end
from errand_runner.sandbox.docker.connect import CALL_S
from errand_runner.sandbox.docker.errors import EngineUnavailable, ImageMissing, SandboxFailed

P = ParamSpec("P")
T = TypeVar("T")

_THREADS = 4
# Of a busy host's hundred sandboxes each may ask at the same moment.
_WAITING = 256


class Lane:
    """Calls of one kind, a few at a time. What waits is bounded: one too many is told that the engine is behind."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._executor = ThreadPoolExecutor(_THREADS, f"docker-{name}")
        self._asked = 0

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Cancelling waits for the call's end: its thread cannot be stopped, and CALL_S bounds it.

        Raises EngineUnavailable, ImageMissing and SandboxFailed.
        """
        if self._asked >= _THREADS + _WAITING:
            raise EngineUnavailable(
                f"the Docker engine is behind: {_WAITING} calls of {self._name} wait for it; see whether the host is"
                " overloaded"
            )
        self._asked += 1
        work = functools.partial(_renaming, functools.partial(function, *args, **kwargs))
        try:
            return await to_the_end(asyncio.get_running_loop().run_in_executor(self._executor, work))
        finally:
            self._asked -= 1

    def close(self) -> None:
        """Take no more. What is under way ends by itself."""
        self._executor.shutdown(wait=False)


def _renaming(work: Callable[[], T]) -> T:
    """Runs in the call's thread: there, what caused an error is the engine's matter alone."""
    try:
        return work()
    except ImageNotFound as exc:
        raise ImageMissing(
            f"{exc.explanation or exc}; build it with `make image`, or pull it (docker pull IMAGE),"
            " or set ERRAND_SANDBOX_IMAGE to one that this host has"
        ) from exc
    except APIError as exc:
        raise SandboxFailed(f"the Docker engine refused: {exc.explanation or exc}") from exc
    except requests.Timeout as exc:
        raise EngineUnavailable(
            f"the Docker engine did not answer within {CALL_S} s; see whether the host is overloaded"
        ) from exc
    except (requests.RequestException, DockerException, OSError) as exc:
        raise EngineUnavailable(
            f"the Docker engine went away ({_first_cause(exc)}); see that it runs (systemctl status docker)"
        ) from exc


def _first_cause(error: BaseException) -> BaseException:
    """What the libraries between have wrapped."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error
