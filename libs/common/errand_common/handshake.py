"""Why a TLS handshake failed: found in what the libraries say, told with its cause and its cure."""

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from urllib.parse import urlsplit

from cryptography import x509

from errand_common.addresses import split
from errand_common.clock import Clock, to_datetime

SERVER_NAME = "errand-scheduler"
"""The name in the scheduler's certificate, whatever address it is dialled at."""

_LOOK_S = 3.0
_SET_THE_CLOCK = "set the clock (timedatectl set-ntp true)"


class Trouble(Enum):
    """What stands between two peers that reach each other. None but the time goes away by trying again."""

    TIME = auto()
    ISSUER = auto()
    NAME = auto()
    PLAIN = auto()


# What gRPC 1.85 and OpenSSL say, the particular before the general.
_SAID = (
    ("certificate is not yet valid", Trouble.TIME),
    ("certificate has expired", Trouble.TIME),
    ("Hostname Verification Check failed", Trouble.NAME),
    ("Hostname mismatch", Trouble.NAME),
    ("IP address mismatch", Trouble.NAME),
    ("certificate signature failure", Trouble.ISSUER),
    ("CERTIFICATE_VERIFY_FAILED", Trouble.ISSUER),
    ("WRONG_VERSION_NUMBER", Trouble.PLAIN),
)
_AT_THE_SCHEDULER = {
    Trouble.TIME: f"the scheduler's certificate is not valid at the time of this host's clock; {_SET_THE_CLOCK}",
    Trouble.ISSUER: (
        "the scheduler's certificate is not of the CA in ERRAND_CA_FILE; copy the scheduler's ca.pem there anew,"
        " or set ERRAND_SCHEDULER to the right scheduler"
    ),
    Trouble.NAME: (
        f"what answers at ERRAND_SCHEDULER has a certificate for another name than {SERVER_NAME};"
        " set ERRAND_SCHEDULER to the scheduler"
    ),
    Trouble.PLAIN: (
        "what answers at ERRAND_SCHEDULER speaks no TLS, so it is not the scheduler; set ERRAND_SCHEDULER to host:port"
        " of the scheduler"
    ),
}

_AT_THE_TOKENS_SCHEDULER = {
    Trouble.TIME: _AT_THE_SCHEDULER[Trouble.TIME],
    Trouble.ISSUER: (
        "the scheduler's certificate is not of the CA in the join token; make another token at the scheduler that is"
        " meant, with its own address"
    ),
    Trouble.NAME: (
        f"what answers at the join token's address has a certificate for another name than {SERVER_NAME}; make another"
        " token with the address of the scheduler itself"
    ),
    Trouble.PLAIN: (
        "what answers at the join token's address speaks no TLS, so it is not the scheduler; make another token with"
        " the address of the scheduler itself"
    ),
}


def with_scheduler(transport: str) -> str | None:
    """In words, what stands in the way to the scheduler, from what gRPC says; none for troubles that pass."""
    trouble = _trouble_in(transport)
    return None if trouble is None else _AT_THE_SCHEDULER[trouble]


def may_pass(transport: str) -> bool:
    """Whether what stands in the way to the scheduler may go by itself: clocks are set, certificates are renewed."""
    return _trouble_in(transport) is Trouble.TIME


async def look_at_scheduler(transport: str, address: str) -> str | None:
    """The same with the address, and with the certificate's dates where the clock is wrong: it is looked at again."""
    words = with_scheduler(transport)
    if words is None:
        return None
    if _trouble_in(transport) is Trouble.TIME:
        return await _times(f"the scheduler at {address}", *split(address), name=SERVER_NAME)
    return f"{words} (ERRAND_SCHEDULER={address})"


async def look_at_token(transport: str, address: str) -> str | None:
    """The same for a host that joins, of whose settings there are none yet."""
    trouble = _trouble_in(transport)
    if trouble is None:
        return None
    if trouble is Trouble.TIME:
        return await _times(f"the scheduler at {address}", *split(address), name=SERVER_NAME)
    return f"{_AT_THE_TOKENS_SCHEDULER[trouble]} ({address})"


async def look_at_service(error: BaseException, url: str) -> str | None:
    """In words, what is wrong with the certificate of the service at `url`; none when `error` is of another kind."""
    said = next((str(each) for each in _chain(error) if isinstance(each, ssl.SSLError)), "")
    parts = urlsplit(url)
    host = parts.hostname or ""
    match _trouble_in(said):
        case Trouble.TIME:
            return await _times(host, host, parts.port or 443, name=host)
        case Trouble.ISSUER | Trouble.NAME:
            why = said.partition("verify failed: ")[2].partition(" (_ssl.c")[0] or said
            return (
                f"the certificate that {host} shows is refused ({why}); where a proxy of this network stands between,"
                " name a file with its CA and the usual ones in SSL_CERT_FILE"
            )
        case Trouble.PLAIN:
            return f"{host} speaks no TLS at {url}; is its address right?"
    return None


@dataclass(frozen=True)
class _Validity:
    start: datetime
    end: datetime


async def _times(what: str, host: str, port: int, *, name: str) -> str:
    now = to_datetime(Clock().now_us())
    clock = f"this host's clock says {_minute(now)}"
    valid = await _validity(host, port, name=name)
    if valid is None:
        return f"{clock}, and the certificate of {what} is not valid then; {_SET_THE_CLOCK}"
    found = f"{clock}; the certificate of {what} is valid from {_minute(valid.start)} to {_minute(valid.end)}"
    if valid.start <= now <= valid.end:
        return f"{found}, but not one that it rests on; {_SET_THE_CLOCK}, or have that one renewed"
    return f"{found}; {_SET_THE_CLOCK}" + (", or have it renewed" if now > valid.end else "")


async def _validity(host: str, port: int, *, name: str) -> _Validity | None:
    """From when to when the certificate shown at an address is valid. Nothing else of it is believed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        async with asyncio.timeout(_LOOK_S):
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=name)
    except (OSError, ValueError):
        return None
    try:
        shown: ssl.SSLObject = writer.get_extra_info("ssl_object")
        certificate = x509.load_der_x509_certificate(shown.getpeercert(binary_form=True) or b"")
        return _Validity(certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    except ValueError:
        return None
    finally:
        writer.transport.abort()


def _trouble_in(said: str) -> Trouble | None:
    return next((trouble for words, trouble in _SAID if words in said), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
