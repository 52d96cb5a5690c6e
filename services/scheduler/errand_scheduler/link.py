"""`errand-scheduler link`: asks the running scheduler of this host for a sign-in link, for people and cameras."""

import io
import os
import sys
from ipaddress import ip_address
from urllib.parse import urlsplit

import segno

from errand.v1.account_service_pb2 import CreateSignInLinkRequest
from errand.v1.account_service_pb2_grpc import AccountServiceStub
from errand_common import rpc
from errand_common.addresses import on_this_host
from errand_common.credentials import read_secret
from errand_common.errors import ErrandError
from errand_common.service import StartError
from errand_common.wire import seconds
from errand_scheduler.config import SchedulerSettings
from errand_scheduler.folder import DataFolder

_ANSWER_S = 10.0
_WHITE_ON_BLACK, _AS_BEFORE = "\x1b[97;40m", "\x1b[0m"


async def print_link(settings: SchedulerSettings) -> int:
    """Print a new link. Returns 0, or 1 with words where the scheduler does not answer. Raises StartError."""
    columns = os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else None
    try:
        print(await make_link(settings, columns=columns))
    except ErrandError as exc:
        print(f"no sign-in link: {exc.message}{_transport(exc)}; is the scheduler running?", file=sys.stderr)
        return 1
    return 0


async def make_link(settings: SchedulerSettings, *, columns: int | None = None) -> str:
    """A new link in words and as a QR code. `columns` is the width of the terminal that shows it, unset for none.

    Raises StartError where the data folder has no credentials, ErrandError where the scheduler does not answer.
    """
    address, ca, token = way_in(DataFolder(settings.data))
    async with rpc.channel(address, ca=ca) as channel:
        with rpc.renamed_errors():
            made = await AccountServiceStub(channel).CreateSignInLink(
                CreateSignInLinkRequest(), metadata=rpc.bearer(token), timeout=_ANSWER_S
            )
    link = f"{settings.public_url}/#/link/{made.secret}"
    words = _words(settings, link, minutes=round(seconds(made.expire_duration) / 60))
    return "\n".join(part for part in (words, _code(link, columns)) if part)


def way_in(folder: DataFolder) -> tuple[str, bytes, str]:
    """Where the scheduler is, the CA to trust, and the operator's token."""
    operator = folder.credential("operator")
    try:
        address = on_this_host(folder.address.read_text().strip())
        return address, operator.ca.read_bytes(), read_secret(operator.token)
    except PermissionError as exc:
        raise StartError(f"{exc.filename} may not be read; run this as the user who runs the scheduler") from exc
    except (OSError, ValueError) as exc:
        raise StartError(
            f"no scheduler has served from the data folder {folder.root} ({exc}); start it, or set ERRAND_DATA to the "
            "folder that it uses"
        ) from exc


def _words(settings: SchedulerSettings, link: str, *, minutes: int) -> str:
    whom = (
        "It signs in the owner of ERRAND_GITHUB_TOKEN"
        if settings.github_token is not None
        else "It admits whoever signs in with GitHub through it"
    )
    lines = [f"Errand is at {settings.public_url}", "", f"    {link}", "", f"{whom}, once, within {minutes} minutes."]
    if _is_loopback(settings.public_url):
        lines.append(
            "Only this machine reaches that address; for a phone set ERRAND_PUBLIC_URL to one that it reaches."
        )
    return "\n".join(lines)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _code(link: str, columns: int | None) -> str:
    """The QR code, light on dark whatever the terminal's colours are; empty where the terminal is too narrow."""
    code = segno.make_qr(link, error="l")
    if columns is not None and code.symbol_size()[0] > columns:
        return ""
    drawn = io.StringIO()
    code.terminal(drawn, compact=True)
    if columns is None:
        return "\n" + drawn.getvalue()
    lines = (f"{_WHITE_ON_BLACK}{line}{_AS_BEFORE}" for line in drawn.getvalue().splitlines())
    return "\n" + "\n".join(lines)


def _transport(error: ErrandError) -> str:
    return f" ({error.transport})" if error.transport else ""
