"""Sign-in links: each lets one person in."""

from dataclasses import dataclass

from errand_common.clock import Clock
from errand_common.one_time import OneTime

LINK_S = 15 * 60.0
"""How long a link is good."""
_MOST = 300


@dataclass(frozen=True)
class SignInLink:
    """A link that was not used yet. `maker` is the caller who asked for it."""

    maker: str


SignInLinks = OneTime[SignInLink]


def new_links(clock: Clock) -> SignInLinks:
    """None yet: a restart forgets those that were made."""
    return SignInLinks(clock, lifetime_s=LINK_S, most=_MOST)
