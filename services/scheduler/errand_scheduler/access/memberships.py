"""Who came in by an organisation at GitHub is looked for in it again, once an hour."""

import asyncio

import structlog

from errand_common.clock import Clock
from errand_common.errors import ErrandError
from errand_scheduler.access import entrance, standing
from errand_scheduler.access.admission import Listed
from errand_scheduler.access.entrance import Entrance
from errand_scheduler.access.user_tokens import UserTokens
from errand_scheduler.github import GitHub, TokenRefused
from errand_scheduler.store import admissions, users
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.users import User
from errand_scheduler.store.writer import Writer

log = structlog.get_logger()

LOOK_S = 3600.0
"""Between two looks at one person."""
AGAIN_S = 600.0
"""The same, where GitHub did not answer."""
_REFUSALS = 2
"""Times in a row that GitHub refuses somebody's token before they have to sign in anew: nobody sees where they are."""


class Memberships:
    """Asks GitHub as each person, one after the other. Whatever else than an answer comes of it changes nothing."""

    def __init__(
        self,
        *,
        reader: Reader,
        writer: Writer,
        tokens: UserTokens,
        github: GitHub,
        listed: Listed,
        clock: Clock,
        round_s: float,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._tokens = tokens
        self._github = github
        self._listed = listed
        self._clock = clock
        self._round_s = round_s
        self._due_s: dict[str, float] = {}
        self._refusals: dict[str, int] = {}

    async def run(self) -> None:
        """Look at whoever is due, until cancelled."""
        while True:
            try:
                await self.look()
            except ErrandError as exc:
                log.warning("memberships_not_looked_at", error=exc.message)
            await asyncio.sleep(self._round_s)

    async def look(self) -> None:
        """One round. Raises Unavailable where the disk refuses: whoever is left is next."""
        found = await self._reader.all(users.by_organisation_alone())
        ours = {user.user_id for user in found}
        self._due_s = {key: due_s for key, due_s in self._due_s.items() if key in ours}
        self._refusals = {key: count for key, count in self._refusals.items() if key in ours}
        for user in found:
            if self._clock.boot_s() >= self._due_s.get(user.user_id, 0.0):
                next_s = await self._look_at(user)
                self._due_s[user.user_id] = self._clock.boot_s() + next_s

    async def _look_at(self, user: User) -> float:
        """In how many seconds to look again."""
        try:
            theirs = await self._tokens.using(user.user_id, self._github.organisations)
        except TokenRefused:
            self._refusals[user.user_id] = self._refusals.get(user.user_id, 0) + 1
            if self._refusals[user.user_id] >= _REFUSALS:
                await self._settle(user, None)
            return LOOK_S
        except ErrandError as exc:
            log.info("membership_not_seen", user_id=user.user_id, error=exc.message)
            return AGAIN_S
        self._refusals.pop(user.user_id, None)
        allowed = await self._reader.all(admissions.organisations())
        entered = entrance.by_organisation(allowed, theirs.names)
        if entered is not None or theirs.whole:
            await self._settle(user, entered)
        return LOOK_S

    async def _settle(self, user: User, entered: Entrance | None) -> None:
        if entered is not None and entered.organisation == user.organisation:
            return
        named = self._listed.names(user.github_username)
        done = await self._writer.write(
            lambda tx: standing.settle_membership(tx, user, entered, named=named), urgent=True
        )
        if not done:
            log.warning("last_admin_left_organisation", user_id=user.user_id, organisation=user.organisation)
        elif entered is None:
            log.info("organisation_left", user_id=user.user_id, organisation=user.organisation)
