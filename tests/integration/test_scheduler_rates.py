"""Who calls too often is told when to come back, and nobody else notices."""

from datetime import timedelta
from pathlib import Path

from errand_common.errors import Exhausted
from tests.integration.access import me, new_token
from tests.integration.refused import refusal
from tests.integration.scheduling import github_with_repository, settings, stack

BURST = 20


async def test_who_calls_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        wanted = settings(tmp_path / "data", github, ERRAND_CALLS_PER_SECOND="1")
        async with stack(tmp_path / "data", github, wanted=wanted) as running:
            person = await running.sign_in()
            made = await new_token(running, person.access_token, scopes=["account:read"], user_id="me")

            async def call_too_often() -> None:
                # A busy machine calls so slowly that the bucket fills meanwhile, but never for so long.
                for _ in range(10 * BURST):
                    await me(running, made.secret)

            refused = await refusal(call_too_often())
            assert isinstance(refused, Exhausted)
            assert refused.retry_after is not None
            assert timedelta(0) < refused.retry_after <= timedelta(seconds=1)
            await me(running, person.access_token)
