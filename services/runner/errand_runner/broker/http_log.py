"""What the broker's HTTP says in the log: a sandbox that sends what is no HTTP does nothing unexpected."""

import logging
from typing import Any

import structlog
from aiohttp.http_exceptions import HttpProcessingError

_SHOWN = 200

_log = structlog.get_logger()


class HttpLog(logging.LoggerAdapter[logging.Logger]):
    """What cannot be read is a line; where the broker itself goes wrong, its traceback is kept."""

    def log(self, level: int, msg: object, *args: object, **more: Any) -> None:
        reason = more.get("exc_info")
        if isinstance(reason, HttpProcessingError):
            _log.info("git_request_unreadable", reason=reason.message[:_SHOWN])
        else:
            super().log(level, msg, *args, **more)
