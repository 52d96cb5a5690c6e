"""What is known of a right to push is asked for again when it makes sense to ask."""

from pathlib import Path

from cryptography.fernet import Fernet

from errand_scheduler.access.admission import Listed
from errand_scheduler.access.other_hosts import OtherHosts
from errand_scheduler.access.rights import PushRights, Right
from errand_scheduler.access.user_tokens import UserTokens, sealed
from errand_scheduler.access.vault import Vault
from errand_scheduler.git_hosts import open_git_hosts
from errand_scheduler.github import GitHub, open_wire
from errand_scheduler.github.renewal import TokenPair
from errand_scheduler.store import users
from tests.standins.github import GitHubStandin
from tests.unit.scheduler.world import DURATIONS, PROJECT, USER, World


async def test_where_githubs_limit_is_used_up_it_is_asked_again_once_that_is_reset(
    world: World, tmp_path: Path
) -> None:
    async with GitHubStandin(tmp_path) as standin, open_wire(standin.api_url) as wire, open_git_hosts([]) as hosts:
        standin.add_user("octo")
        standin.limit_rate(0)
        vault = Vault([Fernet.generate_key().decode()])
        tokens = UserTokens(
            reader=world.reader,
            writer=world.writer,
            vault=vault,
            admission=Listed([USER]),
            clock=world.clock,
            renewal=None,
        )
        user = await world.reader.one(users.by_id(USER))
        assert user is not None
        kept = sealed(TokenPair(standin.issue_token("octo")), vault, user_id=USER, now_us=world.clock.now_us())
        await world.writer.write(lambda tx: users.upsert(tx, user, kept))
        rights = PushRights(
            reader=world.reader,
            tokens=tokens,
            github=GitHub(wire),
            app=None,
            others=OtherHosts(hosts, world.reader, vault),
            clock=world.clock,
            durations=DURATIONS,
        )

        answer = await rights.ask(USER, PROJECT)

        assert answer.right is Right.UNKNOWN
        assert "rate limit exceeded" in answer.words
        world.clock.move(3_500)
        assert rights.known(USER, PROJECT) == answer
        world.clock.move(110)
        assert rights.known(USER, PROJECT) is None
