"""Whether a push may pass: a decision over its commands alone (gitprotocol-pack, "Reference Update Request")."""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass

from errand_runner.broker import pktline

# Capabilities that change what follows the commands: options and signed certificates would come before the pack.
_REFUSED_CAPABILITIES = (b"push-options", b"push-cert")

_COMMAND = re.compile(
    rb"(?P<old>[0-9a-f]{40}|[0-9a-f]{64}) (?P<new>[0-9a-f]{40}|[0-9a-f]{64}) (?P<ref>[^\x00-\x20\x7f]+)"
)


@dataclass(frozen=True)
class Push:
    """What a push asks for. `refusal` is None when it may pass; else the reason, in words for the one who pushes."""

    refs: tuple[bytes, ...]
    capabilities: frozenset[bytes]
    refusal: str | None


def judge(lines: Sequence[bytes], *, allowed: Set[str]) -> Push:
    """Judges the lines before the first flush; no lines at all are git's probe before a large push, and pass.

    Raises Malformed where they are no commands.
    """
    capabilities: frozenset[bytes] = frozenset()
    refs: list[bytes] = []
    refusals: list[str] = []
    for number, line in enumerate(line for line in lines if not line.startswith(b"shallow ")):
        command, separator, listed = line.partition(b"\0")
        if number == 0:
            capabilities = frozenset(listed.split())
        elif separator:
            raise pktline.Malformed("capabilities after the first command")
        if command.startswith(b"push-cert"):
            raise pktline.Malformed("signed pushes are not supported")
        found = _COMMAND.fullmatch(command.removesuffix(b"\n"))
        if not found or len(found["old"]) != len(found["new"]):
            raise pktline.Malformed("not a push command")
        refs.append(found["ref"])
        refusals += _refuse(found["ref"], new=found["new"], allowed=allowed)
    for capability in _REFUSED_CAPABILITIES:
        if any(name.split(b"=")[0] == capability for name in capabilities):
            refusals.append(f"{capability.decode()} is not supported here")
    return Push(tuple(refs), capabilities, refusals[0] if refusals else None)


def report_refusal(push: Push) -> bytes:
    """The body by which git prints each ref as `! [remote rejected] ... (reason)`. A push is refused as a whole."""
    reason = (push.refusal or "").encode()
    report = pktline.encode_section([b"unpack ok\n", *(b"ng %s %s\n" % (ref, reason) for ref in push.refs)])
    if b"side-band-64k" not in push.capabilities:
        return report
    # Band 1 carries the report; a line holds at most 65519 bytes of it.
    pieces = [report[at : at + 65_000] for at in range(0, len(report), 65_000)]
    return pktline.encode_section([b"\x01" + piece for piece in pieces])


def _refuse(ref: bytes, *, new: bytes, allowed: Set[str]) -> list[str]:
    if ref.decode(errors="replace") not in allowed:
        only = " and ".join(sorted(name.removeprefix("refs/heads/") for name in allowed))
        return [f"only {only} may be pushed from this sandbox"]
    if not new.strip(b"0"):
        return ["deleting is not allowed from this sandbox"]
    return []
