"""The internet of this world: whatever address a broker connects to, there is a listener that gives a secret out."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from errand_common.values import EgressMode
from errand_runner.broker.broker import Egress
from errand_runner.broker.egress.ledger import Ledger, Use
from errand_runner.broker.egress.rules import Rules
from tests.integration.internet import PUBLIC

OWN = "93.184.216.99"
"""An address of the internet that is the runner's own."""

_SILENT = "93.184.216.98"

# `teredo` and `isatap` carry the loopback address inside.
_NAMES = {
    "loopback": "127.0.0.1",
    "gateway": "172.17.0.1",
    "lan": "192.168.0.1",
    "carrier": "100.64.0.1",
    "own": OWN,
    "metadata": "169.254.169.254",
    "azure": "168.63.129.16",
    "alibaba": "100.100.100.200",
    "oracle": "192.0.0.192",
    "ec2-v6": "fd00:ec2::254",
    "mapped": "::ffff:127.0.0.1",
    "nat64": "64:ff9b::7f00:1",
    "sixtofour": "2002:7f00:1::",
    "teredo": "2001:0:5db8:d822::80ff:fffe",
    "isatap": "2606:2800::5efe:127.0.0.1",
    "link-local": "fe80::1",
    "unique-local": "fd00::1",
    "site-local": "fec0::1",
    "multicast": "ff0e::1",
}


@dataclass
class Trap:
    """Names under allowed.example lead to all that is forbidden; every other name is one of the internet."""

    port: int
    turns: int = field(default=0)

    async def resolve(self, host: str) -> Sequence[str]:
        label = host.removesuffix(".allowed.example")
        if label == "turning":
            # Public when it is judged, the host's own when it is asked for once more.
            self.turns += 1
            return [_SILENT] if self.turns % 2 else ["127.0.0.1"]
        if label == "mixed":
            return [PUBLIC, "127.0.0.1"]
        return [_NAMES.get(label, PUBLIC)]

    def is_own(self, address: str) -> bool:
        return address == OWN

    async def connect(self, protocol: Callable[[], asyncio.Protocol], address: str, port: int) -> None:
        if address == _SILENT:
            raise OSError("nobody is there")
        await asyncio.get_running_loop().create_connection(protocol, "127.0.0.1", self.port)

    def egress(self) -> Egress:
        """A project that allows all names under one."""
        rules = Rules(EgressMode.ALLOW_LIST, frozenset({"*.allowed.example"}))
        return Egress(rules=lambda: rules, internet=self, ledger=Ledger(_tell))


async def _tell(uses: Sequence[Use]) -> None:
    """Nobody reads it."""
