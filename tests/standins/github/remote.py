"""The stand-in in another process, told what to be."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx2

from tests.patience import ANSWER_S


class RemoteGitHub:
    """`at` is the line that the stand-in prints when it serves."""

    def __init__(self, at: Mapping[str, str]) -> None:
        self._url = f"{at['url']}/_standin"
        self._headers = {"Authorization": f"Bearer {at['control_key']}"}

    @asynccontextmanager
    async def outage(self, only: str = "") -> AsyncIterator[None]:
        """While it lasts, what has `only` in its address answers 502. `end_outage` ends it early."""
        await self._put("outage", {"on": True, "only": only})
        try:
            yield
        finally:
            await self.end_outage()

    async def end_outage(self) -> None:
        """Idempotent."""
        await self._put("outage", {"on": False})

    async def kill_at(self, pid: int, *, only: str, after: bool) -> None:
        """Kills a process at its next call that has `only` in its address: before that has an effect, or `after`."""
        await self._put("death", {"pid": pid, "only": only, "after": after})

    async def add_repository(
        self, full_name: str, files: Mapping[str, str], *, login: str, default_branch: str = "main"
    ) -> None:
        """A repository to which `login` may push."""
        wanted = {"files": dict(files), "default_branch": default_branch, "login": login}
        await self._put(f"repositories/{full_name}", wanted)

    async def let_push(self, full_name: str, login: str) -> None:
        """Somebody, who there may not have been, may push to a repository."""
        await self._put(f"repositories/{full_name}/people/{login}", {})

    async def rename_repository(self, full_name: str, new: str) -> None:
        """Another name or owner; the old one leads there."""
        await self._put(f"repositories/{full_name}/name", {"repository": new})

    async def add_app(self, slug: str, repository: str) -> dict[str, str]:
        """A GitHub App on a repository: its `id` and its private `key`."""
        return await self._put(f"apps/{slug}", {"repository": repository})

    async def issue_token(self, login: str) -> str:
        """A personal token."""
        return (await self._put(f"tokens/{login}", {}))["token"]

    async def live_app_tokens(self) -> list[str]:
        """Tokens of installations that are good now."""
        return await self._get("app-tokens", "tokens")

    async def pull_request_bases(self, full_name: str) -> list[str]:
        """The branches that its pull requests go into, the newest first."""
        return await self._get(f"repositories/{full_name}/pulls", "bases")

    async def pull_request_authors(self, full_name: str) -> list[str]:
        """Who opened its pull requests, the newest first."""
        return await self._get(f"repositories/{full_name}/pulls", "authors")

    async def pull_request_texts(self, full_name: str) -> list[str]:
        """Title and body of its pull requests, the newest first."""
        return await self._get(f"repositories/{full_name}/pulls", "texts")

    async def tokens(self) -> list[str]:
        """Every token that was handed out, of people and of installations."""
        return await self._get("tokens", "tokens")

    async def _get(self, path: str, field: str) -> list[str]:
        async with httpx2.AsyncClient(trust_env=False, timeout=ANSWER_S) as client:
            found = await client.get(f"{self._url}/{path}", headers=self._headers)
        found.raise_for_status()
        return [str(each) for each in found.json()[field]]

    async def _put(self, path: str, body: Mapping[str, object]) -> dict[str, str]:
        async with httpx2.AsyncClient(trust_env=False, timeout=ANSWER_S) as client:
            answer = await client.put(f"{self._url}/{path}", json=body, headers=self._headers)
        answer.raise_for_status()
        return {str(name): str(value) for name, value in answer.json().items()}
