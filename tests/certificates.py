"""Certificates that are good, or wrong in one way: another name, another time, another authority."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from errand_common.handshake import SERVER_NAME

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Identity:
    """PEM: the authority to trust, the server's certificate and its key."""

    ca: bytes
    certificate: bytes
    key: bytes
    start: datetime
    end: datetime

    @property
    def dates(self) -> str:
        """As people are told them."""
        return f"valid from {self.start:%Y-%m-%d %H:%M} UTC to {self.end:%Y-%m-%d %H:%M} UTC"

    def context(self, folder: Path) -> ssl.SSLContext:
        """For a server that is no gRPC server; the files are written into `folder`."""
        (folder / "server.pem").write_bytes(self.certificate + self.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem")
        return context


def identity(name: str = SERVER_NAME, *, start: timedelta = -DAY, end: timedelta = DAY) -> Identity:
    """An authority that is good at any time, and a certificate of it for `name`; the times count from now."""
    now = datetime.now(UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _name("a test's CA")
    ca = (
        _builder(authority, authority, ca_key.public_key(), now - 999 * DAY, now + 999 * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    certificate = (
        _builder(_name(name), authority, key.public_key(), now + start, now + end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Identity(_pem(ca), _pem(certificate), private, now + start, now + end)


@asynccontextmanager
async def scheduler_showing(shown: Identity) -> AsyncIterator[str]:
    """A gRPC server with this certificate and no method; gives its address."""
    server = grpc.aio.server()
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(shown.key, shown.certificate)]))
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
