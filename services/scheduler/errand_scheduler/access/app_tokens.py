"""What Errand's GitHub App gives an attempt: a token for one repository, made anew before it expires."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from joserfc.jwk import RSAKey

from errand_common.clock import Clock
from errand_common.errors import Conflict, Unavailable
from errand_common.service import StartError
from errand_scheduler.access.vault import Vault
from errand_scheduler.github import GitHubUnavailable
from errand_scheduler.github.as_app import AppRefused, GitHubApp, Permissions, read_key
from errand_scheduler.store import attempts, installation_tokens
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer

log = structlog.get_logger()

WRITING: Permissions = {"contents": "write", "pull_requests": "write"}
"""What pushing a branch and opening its pull request take. Never `workflows`: what starts in a repository's own name
is for people to push."""
READING: Permissions = {"contents": "read"}
INSTALLATION_TOKEN = "installation_token"  # noqa: S105  the kind of secret, not one
"""The vault's word for one."""

# What is lent is good for at least so long, which a push may take before it is checked.
_SPARE_S = 300.0


@dataclass(frozen=True)
class AppToken:
    """A token, and until when it is good on the clock since boot."""

    value: str = field(repr=False)
    until_s: float


@dataclass(frozen=True)
class _Use:
    attempt_id: str
    repository: str
    reading: bool


class AppTokens:
    """In memory while their attempts live; a sealed copy is kept for revoking alone, so that a restart loses none."""

    def __init__(self, app: GitHubApp, *, writer: Writer, vault: Vault, clock: Clock, retry_s: float) -> None:
        self._app = app
        self._writer = writer
        self._vault = vault
        self._clock = clock
        self._retry_s = retry_s
        self._tokens: dict[_Use, AppToken] = {}
        self._locks: dict[_Use, asyncio.Lock] = {}

    async def token(
        self, attempt: Attempt, repository: str, *, reading: bool, refused: Callable[[str], bool]
    ) -> AppToken:
        """One for the attempt's repository, or for `reading` another. `refused` says of one that it is not to be lent.

        Raises NotInstalled where the app may not, GitHubUnavailable, and Conflict once the attempt is over.
        """
        use = _Use(attempt.attempt_id, repository.lower(), reading)
        async with self._locks.setdefault(use, asyncio.Lock()):
            known = self._tokens.get(use)
            if known and known.until_s - _SPARE_S > self._clock.boot_s() and not refused(known.value):
                return known
            return await self._mint(use, attempt, repository)

    async def obstacle(self, repository: str) -> str:
        """In words, why the app cannot work on a repository; empty where it can. Raises NotInstalled."""
        installation = await self._app.installation(repository)
        if installation.suspended:
            return f"Errand's GitHub App is suspended on {repository}; lift that at {installation.page}"
        if missing := installation.lacks(WRITING):
            return (
                f"Errand's GitHub App lacks the permission {', '.join(missing)} on {repository}; "
                f"accept it at {installation.page}"
            )
        return ""

    async def page(self) -> str:
        """Where the app is installed from. Raises GitHubUnavailable."""
        return await self._app.page()

    async def settle(self) -> None:
        """Look once whether GitHub knows the app by its key. Raises StartError where it does not."""
        while True:
            try:
                await self._app.page()
            except AppRefused as exc:
                raise StartError(exc.message) from exc
            except GitHubUnavailable as exc:
                log.warning("github_app_not_known_yet", error=exc.message)
                await asyncio.sleep(self._retry_s)
            else:
                return

    def over(self, attempt_id: str) -> None:
        """Lend no more to an attempt, which has ended."""
        for use in [use for use in self._locks if use.attempt_id == attempt_id]:
            self._locks.pop(use)
            self._tokens.pop(use, None)

    async def _mint(self, use: _Use, attempt: Attempt, repository: str) -> AppToken:
        asked_s = self._clock.boot_s()
        installation = await self._app.installation(repository)
        minted = await self._app.mint(installation, repository, READING if use.reading else WRITING)
        sealed = self._vault.seal(minted.value, user_id=attempt.user_id, kind=INSTALLATION_TOKEN)

        def keep(tx: Tx) -> bool:
            installation_tokens.insert(tx, attempt_id=attempt.attempt_id, user_id=attempt.user_id, sealed=sealed)
            now = tx.one(attempts.by_id(attempt.attempt_id))
            return now is not None and not now.phase.final

        # Before anybody has it: what was lent can be revoked, whatever happens from here on.
        if not await self._writer.write(keep, urgent=True):
            raise Conflict(f"attempt {attempt.attempt_id} is over", reason="LEASE_SUPERSEDED")
        if minted.lifetime_s <= _SPARE_S:
            raise Unavailable(f"GitHub's token for {repository} is good for {minted.lifetime_s:.0f} s alone; try again")
        token = AppToken(minted.value, asked_s + minted.lifetime_s)
        # Unless the attempt ended a moment ago, and nobody would ever forget it.
        if use in self._locks:
            self._tokens[use] = token
        return token


def app_key(path: Path) -> RSAKey:
    """The app's private key. Raises StartError."""
    try:
        return read_key(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise StartError(
            f"ERRAND_GITHUB_APP_KEY_FILE {path} cannot be used: {exc}; GitHub's page of the app makes one "
            "(Generate a private key)"
        ) from exc
