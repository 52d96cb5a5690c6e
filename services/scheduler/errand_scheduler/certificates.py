"""Which certificate new connections are shown: looked at anew for each, and taken up once its files changed."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import grpc
import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from errand_common.clock import Clock, to_datetime
from errand_common.handshake import SERVER_NAME
from errand_common.service import StartError
from errand_scheduler import tls
from errand_scheduler.config import SchedulerSettings
from errand_scheduler.folder import DataFolder

log = structlog.get_logger()

T = TypeVar("T")

_LOOK_S = 3600.0


@dataclass(frozen=True)
class Files:
    """Where a certificate, its key and the CA that it rests on lie. The names are what people are told they are."""

    certificate: Path
    key: Path
    ca: Path
    names: tuple[str, str, str]


def files_of(settings: SchedulerSettings, folder: DataFolder) -> Files:
    """Those that the settings name, or Errand's own."""
    if settings.tls_certificate_file and settings.tls_key_file and settings.tls_ca_file:
        names = ("ERRAND_TLS_CERTIFICATE_FILE", "ERRAND_TLS_KEY_FILE", "ERRAND_TLS_CA_FILE")
        return Files(settings.tls_certificate_file, settings.tls_key_file, settings.tls_ca_file, names)
    own = folder.tls
    return Files(own / "server.pem", own / "server.key", own / "ca.pem", ("certificate", "key", "CA"))


class Shown:
    """The certificate that new connections are shown; those that are open go on with the one that they began with."""

    def __init__(self, files: Files, clock: Clock) -> None:
        """Raises StartError, in words, for one that nobody could connect to."""
        self._files = files
        self._clock = clock
        self._seen = self._stamp()
        self._identity = checked(files, now_us=clock.now_us())

    @property
    def credentials(self) -> grpc.ServerCredentials:
        """For a server's port."""
        # The stubs do not know that the answer may be none, as grpc's own documentation says.
        return grpc.dynamic_ssl_server_credentials(_configuration(self._identity), self._renewed)  # type: ignore[arg-type]

    def _renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """What is shown from now on, or none for what was shown before. gRPC asks at each handshake, on its threads."""
        stamp = self._stamp()
        if stamp == self._seen:
            return None
        # Also what cannot be used is looked at once: the next change of a file is another try.
        self._seen = stamp
        try:
            self._identity = checked(self._files, now_us=self._clock.now_us())
        except StartError as exc:
            log.error("certificate_not_taken_up", error=str(exc))
            return None
        log.info("certificate_taken_up", certificate=str(self._files.certificate))
        return _configuration(self._identity)

    def _stamp(self) -> tuple[tuple[int, int], ...]:
        return tuple(_stamp(path) for path in (self._files.certificate, self._files.key))


async def keep_own_fresh(folder: DataFolder, clock: Clock, *, look_s: float = _LOOK_S) -> None:
    """Renew Errand's own certificate long before its end; runs until it is cancelled."""
    while True:
        await asyncio.sleep(look_s)
        try:
            await asyncio.to_thread(tls.ensure, folder.tls, now_us=clock.now_us())
        except OSError as exc:
            log.error("certificate_not_renewed", error=str(exc))


def checked(files: Files, *, now_us: int) -> tls.ServerIdentity:
    """The certificate with its key. Raises StartError for one with which nobody would connect."""
    certificate_name, key_name, ca_name = (
        f"{name}={path}" for name, path in zip(files.names, (files.certificate, files.key, files.ca), strict=True)
    )
    chain = _read(certificate_name, files.certificate, x509.load_pem_x509_certificates)
    (ca, *_) = _read(ca_name, files.ca, x509.load_pem_x509_certificates)
    key = _read(key_name, files.key, lambda pem: serialization.load_pem_private_key(pem, password=None))
    leaf, now = chain[0], to_datetime(now_us)
    if leaf.public_key() != key.public_key():
        raise StartError(f"{key_name} is not the key of the certificate in {certificate_name}; name its own")
    if SERVER_NAME not in (names := _names(leaf)):
        raise StartError(
            f"{certificate_name} holds a certificate for {', '.join(names) or 'no name'}, and gateways and runners "
            f"look for {SERVER_NAME}; have one made with that name among its own"
        )
    for each in chain:
        if not each.not_valid_before_utc <= now <= each.not_valid_after_utc:
            valid = f"from {each.not_valid_before_utc:%Y-%m-%d} to {each.not_valid_after_utc:%Y-%m-%d}"
            raise StartError(
                f"{certificate_name} is valid {valid}, and this host's clock says {now:%Y-%m-%d}; have it renewed, or "
                "set the clock"
            )
    _check_chain([*chain, ca], f"{certificate_name} does not rest on the CA in {ca_name}")
    return tls.ServerIdentity(key=files.key.read_bytes(), certificate=files.certificate.read_bytes())


def _check_chain(chain: list[x509.Certificate], trouble: str) -> None:
    for each, issuer in itertools.pairwise(chain):
        if each == issuer:
            continue
        try:
            each.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature) as exc:
            words = "put those between behind the first one in its file, each followed by its issuer"
            raise StartError(f"{trouble}; {words}, or name the right CA") from exc


def _read(what: str, path: Path, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(path.read_bytes())
    except OSError as exc:
        raise StartError(f"{what} cannot be read: {exc.strerror}") from exc
    except (ValueError, TypeError) as exc:
        raise StartError(f"{what} cannot be used ({exc}); it must be PEM, a key without a password") from exc


def _names(leaf: x509.Certificate) -> list[str]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return found.value.get_values_for_type(x509.DNSName)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_ino)


def _configuration(identity: tls.ServerIdentity) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(identity.key, identity.certificate)])
