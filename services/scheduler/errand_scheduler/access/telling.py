"""Secrets that a call makes: told in its answer, and again to nobody but the same request of the same credential."""

from dataclasses import dataclass

from errand_common.credentials import derived_token, hash_token, new_token
from errand_common.errors import Conflict


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

    def secret_again(self, prefix: str, subject_id: str, *, kept_hash: str) -> str:
        """The secret of what this request made before, of which the hash is stored. Raises Conflict for another
        credential than the one that asked then."""
        secret = self.secret(prefix, subject_id)
        if hash_token(secret) != kept_hash:
            raise Conflict(
                f"this request made {subject_id}, whose secret is told to the credential alone that asked first; revoke"
                " it and ask for another under a new request id"
            )
        return secret
