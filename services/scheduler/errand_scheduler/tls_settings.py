"""The scheduler's settings for the certificate that it shows."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from errand_common.config import Settings


class TlsSettings(Settings):
    """Read from the environment."""

    tls_certificate_file: Path | None = Field(
        None,
        alias="ERRAND_TLS_CERTIFICATE_FILE",
        description="a certificate for the name errand-scheduler and what it rests on, PEM; unset: one of Errand's own",
        examples=["/run/secrets/errand-scheduler.pem"],
    )
    tls_key_file: Path | None = Field(
        None,
        alias="ERRAND_TLS_KEY_FILE",
        description="its private key, PEM, without a password",
        examples=["/run/secrets/errand-scheduler.key"],
    )
    tls_ca_file: Path | None = Field(
        None,
        alias="ERRAND_TLS_CA_FILE",
        description="the CA of that certificate, PEM, which gateways and runners are given to trust",
        examples=["/etc/ssl/company-ca.pem"],
    )

    @model_validator(mode="after")
    def _has_the_certificate_whole(self) -> Self:
        parts = (self.tls_certificate_file, self.tls_key_file, self.tls_ca_file)
        if any(parts) and not all(parts):
            raise ValueError(
                "ERRAND_TLS_CERTIFICATE_FILE, ERRAND_TLS_KEY_FILE and ERRAND_TLS_CA_FILE belong together and one is "
                "not set; name all three, or none for a certificate of Errand's own"
            )
        return self
