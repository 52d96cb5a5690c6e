"""What the gateway counts of itself. Each name, with its meaning and what to do about it, is in docs/operations.md."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram
from starlette.types import Scope

from errand_common import rpc
from errand_common.errors import ErrandError

_REQUEST_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_NO_ROUTE = "none"
"""Of a request to an address that there is not: its path may be anything."""

SOCKETS = Gauge("errand_gateway_sockets", "Live sockets of people that are open")
REQUESTS_S = Histogram(
    "errand_gateway_request_seconds", "Requests, by route and status", ["method", "route", "status"], buckets=_REQUEST_S
)
SCHEDULER_ERRORS = Counter("errand_gateway_scheduler_errors", "Calls that the scheduler refused or missed", ["reason"])
REFUSED_SIGN_INS = Counter("errand_gateway_refused_sign_ins", "Sign-ins that ended without a session", ["reason"])


def answered(scope: Scope, status: int, duration_s: float) -> None:
    """A request was answered, as its scope was left by the routing."""
    route = getattr(scope.get("route"), "path", _NO_ROUTE)
    REQUESTS_S.labels(scope["method"], route, str(status)).observe(duration_s)


@contextmanager
def asking() -> Iterator[None]:
    """Around a call to the scheduler, whose errors are renamed, and counted."""
    with _counting(SCHEDULER_ERRORS), rpc.renamed_errors():
        yield


@contextmanager
def signing_in() -> Iterator[None]:
    """Around what ends with a session, or does not."""
    with _counting(REFUSED_SIGN_INS):
        yield


@contextmanager
def _counting(errors: Counter) -> Iterator[None]:
    try:
        yield
    except ErrandError as exc:
        errors.labels(exc.reason).inc()
        raise
