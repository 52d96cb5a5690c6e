"""The scheduler's own certificate authority, made at first start, and its certificates, made before the last ends."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from errand_common import durable
from errand_common.clock import to_datetime
from errand_common.credentials import write_secret
from errand_common.handshake import SERVER_NAME

_BACKDATED = timedelta(hours=48)  # a peer's clock may be behind
_CA_LIFETIME = timedelta(days=3650)
_LIFETIME = timedelta(days=90)  # of a server's certificate: a third before its end there is another


@dataclass(frozen=True)
class ServerIdentity:
    """What the server shows: its key and its certificate, as PEM."""

    key: bytes
    certificate: bytes


def ensure(folder: Path, *, now_us: int) -> ServerIdentity:
    """The identity in `folder`: made with its CA where that is not there, or with the same CA where the certificate is
    not good for much longer. Each certificate is written last: it completes."""
    now = to_datetime(now_us)
    if not (folder / "ca.pem").exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left_over in folder.iterdir():
            left_over.unlink()
        _make_ca(folder, now)
    if _is_due(folder, now):
        _issue(folder, now)
    return ServerIdentity((folder / "server.key").read_bytes(), (folder / "server.pem").read_bytes())


def _is_due(folder: Path, now: datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
        key = serialization.load_pem_private_key((folder / "server.key").read_bytes(), password=None)
    except (OSError, ValueError):
        return True
    if certificate.public_key() != key.public_key():
        return True  # a renewal was broken off between the two
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return certificate.not_valid_after_utc - now < lifetime / 3


def _make_ca(folder: Path, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    ca = (
        _builder(subject=_CA_NAME, public_key=key.public_key(), now=now, lifetime=_CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_secret(folder / "ca.key", _pem_of_key(key))
    durable.put(folder / "ca.pem", ca.public_bytes(serialization.Encoding.PEM))


def _issue(folder: Path, now: datetime) -> None:
    ca_key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)  # as it was made
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(subject=_name(SERVER_NAME), public_key=key.public_key(), now=now, lifetime=_LIFETIME)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(SERVER_NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    # Written beside and put in the old one's place: whoever reads it finds one of the two, whole.
    fresh = folder / "server.key.new"
    fresh.unlink(missing_ok=True)
    write_secret(fresh, _pem_of_key(key))
    fresh.replace(folder / "server.key")
    durable.put(folder / "server.pem", certificate.public_bytes(serialization.Encoding.PEM))


def _builder(
    *, subject: x509.Name, public_key: ec.EllipticCurvePublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(_CA_NAME)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + lifetime)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


_CA_NAME = _name("Errand CA")


def _pem_of_key(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
