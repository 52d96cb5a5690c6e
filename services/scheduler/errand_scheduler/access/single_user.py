"""Single-user mode: the owner of ERRAND_GITHUB_TOKEN is the only user."""

import asyncio
import hmac

import structlog
from pydantic import SecretStr

from errand_common.errors import Conflict, Denied, ErrandError
from errand_common.service import StartError
from errand_common.values import UserRole
from errand_scheduler.access.entrance import OF_THE_OWNER
from errand_scheduler.access.people import People
from errand_scheduler.access.user_tokens import GITHUB_TOKEN
from errand_scheduler.access.vault import Vault, VaultError
from errand_scheduler.github import Account, GitHub, GitHubUnavailable, TokenRefused
from errand_scheduler.github.renewal import TokenPair
from errand_scheduler.store import users
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.users import SealedToken, User
from errand_scheduler.store.writer import Writer

log = structlog.get_logger()

_ANSWER_S = 20.0
_SCOPE = "repo"


class Owner:
    """Known at once where the token is the one of last time, else as soon as GitHub says whose it is."""

    def __init__(
        self,
        token: SecretStr,
        *,
        reader: Reader,
        writer: Writer,
        vault: Vault,
        people: People,
        github: GitHub,
        retry_s: float,
    ) -> None:
        self._token = token
        self._reader = reader
        self._writer = writer
        self._vault = vault
        self._people = people
        self._github = github
        self._retry_s = retry_s
        self._user_id: str | None = None

    def check(self, user: User) -> None:
        """Raises Denied NOT_ADMITTED for anybody else, GitHubUnavailable before the owner is known."""
        if self._user_id is None:
            raise GitHubUnavailable("GitHub has not said yet whose ERRAND_GITHUB_TOKEN is; try again in a minute")
        if user.user_id != self._user_id:
            raise Denied(
                f"{user.github_username} is not admitted to this Errand: the owner of ERRAND_GITHUB_TOKEN is its only "
                "user",
                reason="NOT_ADMITTED",
            )

    def role(self, user: User) -> UserRole:
        """The owner's."""
        return UserRole.ADMIN

    async def recall(self) -> None:
        """Know the owner without GitHub: the user whose sealed token is this very one."""
        for each in await self._reader.all(users.admitted_tokens()):
            if self._is_ours(each):
                self._user_id = each.user_id
                return

    async def settle(self) -> None:
        """Ask GitHub until it has said whose the token is, then let the owner have it. Raises StartError where it
        is refused."""
        while True:
            try:
                async with asyncio.timeout(_ANSWER_S):
                    account = await self._github.account(self._token.get_secret_value())
                await self._learn(account)
            except TokenRefused as exc:
                raise StartError(exc.message) from exc
            except (ErrandError, TimeoutError) as exc:
                log.warning("owner_not_known_yet", error=str(exc) or "GitHub did not end its answer")
                await asyncio.sleep(self._retry_s)
            else:
                return

    async def account(self) -> Account:
        """Whose the token is, according to GitHub now. Raises GitHubUnavailable, and Conflict where it is refused."""
        try:
            return await self._github.account(self._token.get_secret_value())
        except TokenRefused as exc:
            raise Conflict(exc.message) from exc

    def keep(self, tx: Tx, account: Account) -> User:
        """Store the owner with the token; `know` follows once this is committed."""
        return self._people.keep(tx, account, TokenPair(self._token.get_secret_value()), OF_THE_OWNER, raises=True)

    def know(self, owner: User) -> None:
        """From now on this user alone is admitted."""
        self._user_id = owner.user_id

    async def _learn(self, account: Account) -> None:
        self.know(await self._writer.write(lambda tx: self.keep(tx, account)))
        log.info("owner_known", user_id=self._user_id, github_username=account.username)
        if account.scopes is not None and _SCOPE not in account.scopes:
            log.warning(
                "github_token_narrow",
                scopes=sorted(account.scopes),
                advice=f"ERRAND_GITHUB_TOKEN lacks the scope {_SCOPE}: private repositories will not be found",
            )

    def _is_ours(self, kept: SealedToken) -> bool:
        try:
            token = self._vault.open(kept.sealed, user_id=kept.user_id, kind=GITHUB_TOKEN)
        except VaultError:
            return False
        return hmac.compare_digest(token.encode(), self._token.get_secret_value().encode())


def token_refused(*, github_url: str, github_api_url: str) -> str:
    """What is said of a refused token where it is the setting's."""
    return (
        f"ERRAND_GITHUB_TOKEN is refused by {github_api_url}: make a new one at "
        f"{github_url}/settings/tokens/new?scopes={_SCOPE} (scope {_SCOPE}), set it, and start the scheduler again"
    )
