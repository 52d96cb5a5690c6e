"""Revokes what GitHub gave for attempts that are over, however they ended."""

import asyncio

import structlog

from errand_common.errors import ErrandError
from errand_scheduler.access.app_tokens import INSTALLATION_TOKEN
from errand_scheduler.access.vault import Vault, VaultError
from errand_scheduler.github import Wire
from errand_scheduler.github.as_app import revoke
from errand_scheduler.store import installation_tokens
from errand_scheduler.store.installation_tokens import InstallationToken
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.writer import Writer

log = structlog.get_logger()

_AT_ONCE = 100


class Revoking:
    """Goes by the rows, not by what it was told: an end that nobody saw is found at the next start."""

    def __init__(self, *, api: Wire, reader: Reader, writer: Writer, vault: Vault, retry_s: float) -> None:
        self._api = api
        self._reader = reader
        self._writer = writer
        self._vault = vault
        self._retry_s = retry_s
        self._woken = asyncio.Event()
        self._woken.set()

    def wake(self) -> None:
        """An attempt ended."""
        self._woken.set()

    async def run(self) -> None:
        """Revoke until cancelled; while GitHub is away it is asked again: one that has expired meanwhile it does not
        know, which is as good."""
        while True:
            try:
                async with asyncio.timeout(self._retry_s):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()
            try:
                await self._revoke_all()
            except ErrandError as exc:
                log.warning("tokens_not_revoked", error=exc.message)
                await asyncio.sleep(self._retry_s)

    async def _revoke_all(self) -> None:
        while found := await self._reader.all(installation_tokens.to_revoke(_AT_ONCE)):
            for each in found:
                await self._revoke(each)

    async def _revoke(self, kept: InstallationToken) -> None:
        try:
            token = self._vault.open(kept.sealed, user_id=kept.user_id, kind=INSTALLATION_TOKEN)
        except VaultError as exc:
            log.error("token_cannot_be_revoked", error=str(exc))
        else:
            await revoke(self._api, token)
            log.info("token_revoked", user_id=kept.user_id)
        await self._writer.write(lambda tx: installation_tokens.drop(tx, kept.installation_token_id))
