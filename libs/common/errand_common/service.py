"""How a service runs: its command line, one stop signal, one place where a wrong start is told, its exit codes."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

import structlog

from errand_common import config, log, watchdog
from errand_common.config import ConfigError, LogFormat, SettingsT

WRONG_START = 2
"""The exit code of a service that cannot start as it is set up: trying again does not help."""
NOT_YET = 75
"""That of one that lacks something which comes by itself, or by somebody else's deed: as EX_TEMPFAIL of sysexits(3)."""
_BROKEN = 1


class StartError(Exception):
    """The service cannot start; the message says what was found and what to do."""


class StartLater(StartError):
    """It cannot start yet: the same start may succeed in a while."""


@dataclass(frozen=True)
class Command(Generic[SettingsT]):
    """What the service's program does beside serving; `run` returns the exit code."""

    name: str
    help: str
    run: Callable[[SettingsT], Awaitable[int]]


@dataclass(frozen=True)
class EarlyCommand(Generic[SettingsT]):
    """One that needs less than the service does: its own settings."""

    name: str
    help: str
    settings: type[SettingsT]
    run: Callable[[SettingsT], Awaitable[int]]


@dataclass(frozen=True)
class FileCommand(Generic[SettingsT]):
    """One that is given the path of a file."""

    name: str
    help: str
    run: Callable[[SettingsT, Path], Awaitable[int]]


@dataclass(frozen=True)
class ArgumentsCommand:
    """One that takes arguments of its own, and reads what settings it needs itself."""

    name: str
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], Awaitable[int]]


@dataclass(frozen=True)
class Service(Generic[SettingsT]):
    """A service: `serve(settings, stop)` returns once `stop` is set; SIGTERM and SIGINT set it."""

    name: str
    settings: type[SettingsT]
    serve: Callable[[SettingsT, asyncio.Event], Awaitable[None]]
    commands: Sequence[Command[SettingsT] | EarlyCommand[Any] | FileCommand[SettingsT] | ArgumentsCommand] = ()

    def main(self) -> None:
        """Serves, or does what the command line asks. Exits 0, 2 with words on a wrong start, 75 with words where it is
        too early to start, 1 when it broke."""
        arguments = self._parser().parse_args()
        log_format = arguments.log_format or _default_format()
        log.configure(service=self.name, log_format=log_format)
        sys.exit(_outcome(self._run(arguments), log_format))

    def _parser(self) -> argparse.ArgumentParser:
        program = f"errand-{self.name}"
        parser = argparse.ArgumentParser(
            prog=program,
            description=f"Errand's {self.name}. Its settings are environment variables; .env.example tells of each.",
        )
        parser.add_argument(
            "--log-format", choices=("json", "console"), help="how to log; without it ERRAND_LOG_FORMAT counts"
        )
        commands = parser.add_subparsers(dest="command", title="commands", metavar="", description="without one: serve")
        for command in self.commands:
            parsed = commands.add_parser(command.name, help=command.help, description=command.help)
            if isinstance(command, FileCommand):
                parsed.add_argument("file", type=Path, metavar="FILE")
            elif isinstance(command, ArgumentsCommand):
                command.add_arguments(parsed)
        return parser

    async def _run(self, arguments: argparse.Namespace) -> int:
        asked = next((command for command in self.commands if command.name == arguments.command), None)
        if isinstance(asked, ArgumentsCommand):
            return await asked.run(arguments)
        if isinstance(asked, EarlyCommand):
            return await asked.run(config.load(asked.settings))
        settings = config.load(self.settings)
        if isinstance(asked, FileCommand):
            return await asked.run(settings, arguments.file)
        if asked is not None:
            return await asked.run(settings)
        return await self._serve(settings)

    async def _serve(self, settings: SettingsT) -> int:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        with watchdog.watched():
            await self.serve(settings, stop)
        structlog.get_logger().info("service_stopped")
        return 0


def _outcome(work: Coroutine[object, object, int], log_format: LogFormat) -> int:
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Exception as exc:
        found = _leaves(exc)
        wrong = [error for error in found if isinstance(error, ConfigError | StartError)]
        for error in wrong:
            _tell(error, log_format)
        if len(wrong) == len(found):
            return NOT_YET if any(isinstance(error, StartLater) for error in wrong) else WRONG_START
        structlog.get_logger().exception("service_broke")
        return _BROKEN


def _tell(error: BaseException, log_format: LogFormat) -> None:
    if log_format == "json":
        structlog.get_logger().error("start_refused", error=str(error))
    else:
        print(error, file=sys.stderr)


def _default_format() -> LogFormat:
    """A wrong ERRAND_LOG_FORMAT is told when the settings are read."""
    match os.environ.get("ERRAND_LOG_FORMAT"):
        case "json":
            return "json"
        case "console":
            return "console"
    return "console" if sys.stderr.isatty() else "json"


def _leaves(error: BaseException) -> list[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
