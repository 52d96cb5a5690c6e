"""What people bring for other git hosts opens for its owner and its host alone."""

from dataclasses import replace

import pytest
from cryptography.fernet import Fernet

from errand_common.errors import Denied, Unavailable
from errand_scheduler.access.other_hosts import OtherHosts
from errand_scheduler.access.vault import Vault
from errand_scheduler.git_hosts import Basic, open_git_hosts
from errand_scheduler.store import git_credentials
from tests.unit.scheduler.world import OTHER_USER, USER, World

HOSTS = ("https://git.example.org", "https://git.example.com")


@pytest.mark.parametrize(("user_id", "host"), [(USER, "git.example.com"), (OTHER_USER, "git.example.org")])
async def test_a_password_that_is_moved_to_another_row_does_not_open(world: World, user_id: str, host: str) -> None:
    async with open_git_hosts(HOSTS) as hosts:
        others = OtherHosts(hosts, world.reader, Vault([Fernet.generate_key().decode()]))
        kept = await world.writer.write(lambda tx: others.keep(tx, USER, "git.example.org", Basic("ada", "s3cret")))
        moved = replace(kept, user_id=user_id, host=host)
        await world.writer.write(lambda tx: git_credentials.put(tx, moved))
        assert await others.credential(USER, "git.example.org") == Basic("ada", "s3cret")
        with pytest.raises(Unavailable, match="sealed as another's"):
            await others.credential(user_id, host)


async def test_who_brought_nothing_is_told_where_to_bring_it(world: World) -> None:
    async with open_git_hosts(HOSTS) as hosts:
        others = OtherHosts(hosts, world.reader, Vault([Fernet.generate_key().decode()]))
        with pytest.raises(Denied, match=r"no user name and password for git\.example\.org; add them"):
            await others.credential(USER, "git.example.org")
