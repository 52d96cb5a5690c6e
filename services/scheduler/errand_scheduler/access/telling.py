"""Secrets that a call makes: told in its answer, and again to nobody but the same request of the same credential."""

from dataclasses import dataclass

from errand_common.credentials import derived_token, new_token


@dataclass(frozen=True)
class Telling:
    """Who asks for a secret: the credential of the call, and the id of its request, which may be empty."""

    credential: str
    request_id: str

    def __repr__(self) -> str:
        return f"Telling(***, {self.request_id})"

    def secret(self, prefix: str, subject_id: str) -> str:
        """The secret of what the request makes. With a request id it is the same each time, though nothing but a hash
        is stored: so an answer that was lost is given again."""
        if not self.request_id:
            return new_token(prefix)
        return derived_token(prefix, secret=self.credential, about=f"{subject_id} {self.request_id}")
