"""What a project allows its tasks to reach."""

from collections.abc import Iterable
from dataclasses import dataclass

from errand_common import hosts
from errand_common.values import EgressMode

_TOLD_HOSTS = 60


@dataclass(frozen=True)
class Rules:
    """`allowed` are names of hosts, and `*.name` for all below one; they count in the mode of an allow-list."""

    mode: EgressMode = EgressMode.NONE
    allowed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, mode: str, allowed: Iterable[str]) -> "Rules":
        """A mode that this version does not know is none."""
        known = EgressMode(mode) if mode in list(EgressMode) else EgressMode.NONE
        return cls(known, frozenset(allowed))

    def refusal(self, host: str) -> str:
        """Why the host is not reached, for whoever asked, in ASCII; empty where it is."""
        if self.mode is EgressMode.OPEN or (self.mode is EgressMode.ALLOW_LIST and hosts.is_among(host, self.allowed)):
            return ""
        if self.mode is EgressMode.ALLOW_LIST:
            return f"{host} is not among the hosts that this project allows; its owner can allow it in Errand"
        return f"the network is switched off for this project, so {host} is not reached; its owner can change that"

    def told(self) -> str:
        """What is reached, in a line for Claude."""
        match self.mode:
            case EgressMode.OPEN:
                return "HTTPS to any public host."
            case EgressMode.ALLOW_LIST if self.allowed:
                named = sorted(self.allowed, key=lambda each: each.removeprefix("*."))
                more = len(named) - _TOLD_HOSTS
                rest = f" and {more} more" if more > 0 else ""
                return f"HTTPS to these hosts, and no others: {', '.join(named[:_TOLD_HOSTS])}{rest}."
        return "none, but for git and this repository."
