"""System calls that depend on their arguments: each condition allows, and what meets none is refused.

A condition is what the engine takes: the argument's index, an operator, a value. Those of one rule must all hold. The
kernel reads 32 bits of what is compared here, and a comparison sees 64: so only equality, of all bits or of masked
ones, is safe to allow by.
"""

import socket
from collections.abc import Iterator

Condition = dict[str, object]
Rule = tuple[str, list[Condition]]

# clone(2). A new namespace, above all one of users, opens parts of the kernel that are for root.
_NEW_NAMESPACES = 0x7E02_0000
"""NEWNS NEWCGROUP NEWUTS NEWIPC NEWUSER NEWPID NEWNET; NEWTIME is for clone3 and unshare alone."""

# personality(2): Linux, Linux as 32 bits name themselves, without address randomisation (debuggers), the question.
_PERSONALITIES = (0x0, 0x8, 0x4_0000, 0xFFFF_FFFF)

# ioctl(2): both type into a terminal, as if its user had.
_TIOCSTI = 0x5412
_TIOCLINUX = 0x541C

_SOCKET_TYPE_BITS = 0xF
"""Beside them stand SOCK_CLOEXEC and SOCK_NONBLOCK."""
_NETLINK_ROUTE = 0


def rules() -> Iterator[Rule]:
    """All of them; several for one call are alternatives."""
    yield "clone", [_masked(0, _NEW_NAMESPACES, 0)]
    for value in _PERSONALITIES:
        yield "personality", [_equal(0, value)]
    yield from (("ioctl", [condition]) for condition in _neither(1, _TIOCSTI, _TIOCLINUX))
    yield from _sockets()


def _sockets() -> Iterator[Rule]:
    """Of families, local ones and TCP and UDP. Any other may load a module into the kernel, which a namespace without
    a network does not prevent; AF_VSOCK goes round that namespace, to the hypervisor."""
    yield "socket", [_equal(0, socket.AF_UNIX)]
    yield "socketpair", [_equal(0, socket.AF_UNIX)]
    # How libc asks which addresses there are (getifaddrs, getaddrinfo).
    yield "socket", [_equal(0, socket.AF_NETLINK), _equal(2, _NETLINK_ROUTE)]
    for family in (socket.AF_INET, socket.AF_INET6):
        for kind, protocol in ((socket.SOCK_STREAM, socket.IPPROTO_TCP), (socket.SOCK_DGRAM, socket.IPPROTO_UDP)):
            # 0 is the type's usual one.
            for asked in (0, protocol):
                yield "socket", [_equal(0, family), _masked(1, _SOCKET_TYPE_BITS, kind), _equal(2, asked)]


def _neither(index: int, one: int, other: int) -> Iterator[Condition]:
    """Alternatives that together say: the argument's 32 bits are neither of the two values.

    Inequality itself looks at 64 bits, and would let pass a value with a bit set above the 32.
    """
    differing = one ^ other
    for bit in (1 << shift for shift in range(32)):
        if not bit & differing:
            yield _masked(index, bit, ~one & bit)
    for bits in _subsets(differing):
        if bits not in (one & differing, other & differing):
            yield _masked(index, differing, bits)


def _subsets(mask: int) -> Iterator[int]:
    """Every value that has no bit outside the mask."""
    value = mask
    while value:
        yield value
        value = (value - 1) & mask
    yield 0


def _equal(index: int, value: int) -> Condition:
    return {"index": index, "op": "SCMP_CMP_EQ", "value": int(value)}


def _masked(index: int, mask: int, value: int) -> Condition:
    return {"index": index, "op": "SCMP_CMP_MASKED_EQ", "value": mask, "valueTwo": int(value)}
