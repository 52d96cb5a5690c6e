"""People's credentials for git hosts beside GitHub, sealed, and what their repositories are like."""

from dataclasses import dataclass

from errand_common.errors import Denied, Unavailable
from errand_scheduler.access.vault import Vault, VaultError
from errand_scheduler.git_hosts import Basic, GitHosts, Place, Remote
from errand_scheduler.store import git_credentials
from errand_scheduler.store.git_credentials import GitCredential
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.transaction import Tx


@dataclass(frozen=True)
class OtherHosts:
    """Asks as the person, with what they brought."""

    hosts: GitHosts
    reader: Reader
    vault: Vault

    async def credential(self, user_id: str, host: str) -> Basic:
        """What a person uses there. Raises Denied NO_PUSH_RIGHT where they brought nothing."""
        kept = await self.reader.one(git_credentials.of(user_id, host))
        if kept is None:
            raise Denied(
                f"you have no user name and password for {host}; add them under Other git hosts", reason="NO_PUSH_RIGHT"
            )
        try:
            return Basic(kept.username, self.vault.open(kept.sealed_password, user_id=user_id, kind=_kind(host)))
        except VaultError as exc:
            raise Unavailable(str(exc)) from exc

    async def look(self, user_id: str, place: Place) -> Remote:
        """A repository as the person sees it. Raises as `credential`, NotFound and Unavailable."""
        return await self.hosts.look(place.url, await self.credential(user_id, place.host))

    def keep(self, tx: Tx, user_id: str, host: str, credential: Basic) -> GitCredential:
        """From now on the person uses this there."""
        sealed = self.vault.seal(credential.password, user_id=user_id, kind=_kind(host))
        kept = GitCredential(
            user_id=user_id,
            host=host,
            username=credential.username,
            sealed_password=sealed,
            created_time=tx.now_us,
        )
        git_credentials.put(tx, kept)
        return kept


def _kind(host: str) -> str:
    """The host is a part of it: a value that is moved to another row does not open."""
    return f"git_password {host}"
