"""A sign-in under way, and what it comes to."""

from dataclasses import dataclass, field
from typing import Literal

from errand_common.clock import Clock
from errand_common.one_time import OneTime
from errand_gateway.scheduler.accounts import Session

Client = Literal["web", "mobile", "desktop"]

_FLOW_S = 600.0
_CODE_S = 60.0
_MOST = 10_000


@dataclass(frozen=True)
class AppReturn:
    """How an app gets its session: where it is sent, what it must prove, and its own state, handed back as it came."""

    redirect: str
    challenge: str
    state: str = ""


@dataclass(frozen=True)
class Flow:
    """From the start to GitHub's answer. A browser's is bound to it by a cookie, an app's by its challenge.

    `link_secret` is that of the sign-in link which it began with, if any.
    """

    client: Client
    verifier: str = field(repr=False)
    browser_hash: str = ""
    app: AppReturn | None = None
    link_secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class Grant:
    """An app's session, waiting to be fetched."""

    client: Client
    app: AppReturn
    session: Session


Flows = OneTime[Flow]
Grants = OneTime[Grant]


def new_flows(clock: Clock) -> Flows:
    """Sign-ins under way: 10 minutes each."""
    return Flows(clock, lifetime_s=_FLOW_S, most=_MOST)


def new_grants(clock: Clock) -> Grants:
    """Codes to be fetched: a minute each."""
    return Grants(clock, lifetime_s=_CODE_S, most=_MOST)
