"""People's GitHub tokens: opened for use, and renewed before they expire."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from errand_common.clock import Clock
from errand_common.errors import ErrandError, NotFound, Unavailable
from errand_scheduler.access.admission import Admission
from errand_scheduler.access.vault import Vault, VaultError
from errand_scheduler.github import SIGN_IN_AGAIN, TokenRefused
from errand_scheduler.github.renewal import RefreshRefused, Renewal, TokenPair
from errand_scheduler.store import users
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.users import SealedPair
from errand_scheduler.store.writer import Writer

log = structlog.get_logger()

GITHUB_TOKEN = "github_token"  # noqa: S105  the kind of secret, not one
"""The vault's word for a user's GitHub token."""
REFRESH_TOKEN = "github_refresh_token"  # noqa: S105
"""The vault's word for what renews it."""

_SPARE_US = 10 * 60 * 1_000_000  # what is handed out is good for at least so long
_STOP_S = 15.0  # longer than GitHub is given to answer
Answer = TypeVar("Answer")


class UserTokens:
    """One renewal at a time for each user, and none is left half done: GitHub takes a refresh token once, so an answer
    that is not stored costs the person a sign-in."""

    def __init__(
        self,
        *,
        reader: Reader,
        writer: Writer,
        vault: Vault,
        admission: Admission,
        clock: Clock,
        renewal: Renewal | None,
        refused: str = SIGN_IN_AGAIN,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._vault = vault
        self._admission = admission
        self._clock = clock
        self._renewal = renewal
        self._refused = refused
        self._group: asyncio.TaskGroup | None = None
        self._under_way: dict[str, asyncio.Task[str | ErrandError]] = {}
        self._unsaved: dict[str, tuple[SealedPair, str]] = {}

    async def run(self) -> None:
        """Be the parent of renewals until cancelled; those under way then come to their end."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                await asyncio.Event().wait()
            finally:
                self._group = None
                if self._under_way:
                    await asyncio.wait(self._under_way.values(), timeout=_STOP_S)

    async def using(self, user_id: str, call: Callable[[str], Awaitable[Answer]]) -> Answer:
        """What a call comes to with the user's token; where GitHub does not take that any more, with the next one.

        Raises what the call raises; TokenRefused, Denied for a user who is admitted no more, Unavailable where no token
        can be had now.
        """
        token = await self.current(user_id)
        try:
            return await call(token)
        except TokenRefused:
            return await call(await self.next_after(user_id, token))

    async def current(self, user_id: str) -> str:
        """The user's GitHub token. Raises as `using`."""
        kept = await self._kept(user_id)
        token = self._open(kept.token, user_id, GITHUB_TOKEN)
        if kept.expire_time is None or kept.expire_time - _SPARE_US > self._clock.now_us():
            return token
        return await self.next_after(user_id, token)

    async def next_after(self, user_id: str, refused: str) -> str:
        """One that is not `refused`. Raises TokenRefused where the person must sign in again, and as `using`."""
        renewing = self._under_way.get(user_id)
        if renewing is None:
            if self._group is None:
                raise Unavailable("this scheduler is being stopped; try again")
            renewing = self._under_way[user_id] = self._group.create_task(self._outcome(user_id, refused))
            renewing.add_done_callback(lambda _: self._under_way.pop(user_id))
        # Whoever asked may go away: the answer is stored all the same.
        outcome = await asyncio.shield(renewing)
        if isinstance(outcome, ErrandError):
            raise outcome
        return outcome

    async def _outcome(self, user_id: str, refused: str) -> str | ErrandError:
        """A refusal is returned: raised, it would end the renewals of others."""
        try:
            return await self._renewed(user_id, refused)
        except ErrandError as exc:
            return exc

    async def _renewed(self, user_id: str, refused: str) -> str:
        await self._save(user_id)
        kept = await self._kept(user_id)
        if (token := self._open(kept.token, user_id, GITHUB_TOKEN)) != refused:
            return token
        if kept.refresh_token is None or self._renewal is None:
            raise TokenRefused(self._refused)
        spent = self._open(kept.refresh_token, user_id, REFRESH_TOKEN)
        try:
            pair = await self._renewal.renew(spent)
        except RefreshRefused as exc:
            log.warning("github_token_not_renewed", user_id=user_id, error=str(exc))
            await self._keep(user_id, SealedPair(token=kept.token, expire_time=0), kept.refresh_token)
            raise TokenRefused(self._refused) from exc
        await self._keep(
            user_id, sealed(pair, self._vault, user_id=user_id, now_us=self._clock.now_us()), kept.refresh_token
        )
        log.info("github_token_renewed", user_id=user_id)
        return pair.access

    async def _keep(self, user_id: str, pair: SealedPair, spent: str) -> None:
        """Store what comes after a spent refresh token, before anybody uses it. Raises Unavailable, and then it is
        stored the next time."""
        self._unsaved[user_id] = (pair, spent)
        await self._save(user_id)

    async def _save(self, user_id: str) -> None:
        if user_id not in self._unsaved:
            return
        pair, spent = self._unsaved[user_id]

        def save(tx: Tx) -> bool:
            return users.replace_pair(tx, user_id, pair, spent=spent)

        await self._writer.write(save)
        del self._unsaved[user_id]

    async def _kept(self, user_id: str) -> SealedPair:
        user = await self._reader.one(users.by_id(user_id))
        pair = await self._reader.one(users.sealed_pair(user_id))
        if user is None or pair is None:
            raise NotFound(f"there is no user {user_id}")
        self._admission.check(user)
        return pair

    def _open(self, sealed: str, user_id: str, kind: str) -> str:
        try:
            return self._vault.open(sealed, user_id=user_id, kind=kind)
        except VaultError as exc:
            raise Unavailable(str(exc)) from exc


def sealed(pair: TokenPair, vault: Vault, *, user_id: str, now_us: int) -> SealedPair:
    """A pair as it is stored."""
    return SealedPair(
        token=vault.seal(pair.access, user_id=user_id, kind=GITHUB_TOKEN),
        refresh_token=vault.seal(pair.refresh, user_id=user_id, kind=REFRESH_TOKEN) if pair.refresh else None,
        expire_time=None if pair.lifetime_s is None else now_us + int(pair.lifetime_s * 1e6),
    )
