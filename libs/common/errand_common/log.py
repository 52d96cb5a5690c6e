"""Logs: one JSON line per thing that happened, or the same for people. What has the shape of a token is masked."""

import json
import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache

import orjson
import structlog

from errand_common.config import LogFormat
from errand_common.shapes import masked

# Compact, and what is no plain value as its repr: as orjson has it here.
_ENCODER = json.JSONEncoder(default=repr, separators=(",", ":"))
_AS_REPR = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
# Without the frames' local variables: they hold tokens, prompts and file contents.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def configure(*, service: str, log_format: LogFormat = "json", level: str = "info") -> None:
    """Send structlog and the libraries' logging to stderr in one shape. Called once, by `__main__`."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _named(service),
        structlog.processors.add_log_level,
        _stamped,
    ]
    last: list[structlog.typing.Processor] = (
        [_TRACEBACKS, structlog.processors.JSONRenderer(_as_json)] if log_format == "json" else [_console()]
    )
    last.append(_masked)
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: _LINES,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[_drop_meta, *last]))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def together() -> AbstractContextManager[None]:
    """Have what is logged meanwhile written at once at the end: another thread that waits for the interpreter gets it
    at every write, and gives it back only after a while. For work that waits for nothing."""
    return _LINES.held()


class _Lines:
    """Standard error as structlog writes to it, from any thread."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()
        self._held = False

    def msg(self, line: str) -> None:
        self._waiting.append(line)
        if not self._held:
            self._write()

    debug = info = warning = error = critical = msg

    @contextmanager
    def held(self) -> Iterator[None]:
        self._held = True
        try:
            yield
        finally:
            self._held = False
            self._write()

    def _write(self) -> None:
        lines = []
        with suppress(IndexError):
            while True:
                lines.append(self._waiting.popleft() + "\n")
        sys.stderr.write("".join(lines))
        sys.stderr.flush()


_LINES = _Lines()


def _named(service: str) -> structlog.typing.Processor:
    """Adds the service's name; a context variable would be missing in threads."""

    def add(
        logger: structlog.typing.WrappedLogger, name: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        return {"service": service, **event}

    return add


def _stamped(
    logger: structlog.typing.WrappedLogger, name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Adds when it is, as RFC 3339 in UTC: structlog's own stamp costs three times as much."""
    second, left_ns = divmod(time.time_ns(), 1_000_000_000)
    event["timestamp"] = f"{_second(second)}.{left_ns // 1000:06d}Z"
    return event


@lru_cache(maxsize=2)
def _second(since_1970: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since_1970))


def _masked(logger: structlog.typing.WrappedLogger, name: str, line: object) -> str:
    """The line as it was put together: whatever brought a token into it."""
    return masked(str(line))


def _as_json(event: structlog.typing.EventDict, *, default: Callable[[object], object]) -> str:
    """ASCII alone: what may turn a line around, or end it, on somebody's screen is escaped. Measured at a tenth of what
    Python's own encoder costs, to which a line goes that orjson does not escape, or does not take."""
    try:
        line = orjson.dumps(event, default=repr, option=_AS_REPR).decode()
    except orjson.JSONEncodeError:
        return _ENCODER.encode(event)
    return line if line.isascii() else _ENCODER.encode(event)


def _console() -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)


def _drop_meta(
    logger: structlog.typing.WrappedLogger, name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    return structlog.stdlib.ProcessorFormatter.remove_processors_meta(logger, name, event)
