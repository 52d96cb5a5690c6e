"""People: the account that GitHub names becomes a user, whose token is sealed."""

from errand_common.ids import Ids
from errand_scheduler.access import signin
from errand_scheduler.access.entrance import Entrance
from errand_scheduler.access.signin import SessionTokens
from errand_scheduler.access.user_tokens import sealed
from errand_scheduler.access.vault import Vault
from errand_scheduler.github import Account
from errand_scheduler.github.renewal import TokenPair
from errand_scheduler.store import admissions, users
from errand_scheduler.store.admissions import Kind
from errand_scheduler.store.notices import AccessChanged, CredentialBrought
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.users import User


class People:
    """What a sign-in stores of a person."""

    def __init__(self, vault: Vault, ids: Ids) -> None:
        self._vault = vault
        self._ids = ids

    def keep(self, tx: Tx, account: Account, pair: TokenPair, entrance: Entrance, *, raises: bool = False) -> User:
        """The user of an account, new or known, with this GitHub token from now on. Who is known keeps their role,
        unless what they came by `raises` it.

        What was said of the name is the person's own from then on: the account may be renamed, and the name taken.
        """
        known = tx.one(users.by_github_id(account.github_id))
        admitted_time = known.admitted_time if known else None
        user = User(
            user_id=known.user_id if known else self._ids.new("usr"),
            github_id=account.github_id,
            github_username=account.username,
            created_time=known.created_time if known else tx.now_us,
            admitted_time=admitted_time or (tx.now_us if entrance.admits else None),
            role=known.role if known and not raises else entrance.role,
            organisation=entrance.organisation,
            disallowed_time=known.disallowed_time if known else None,
        )
        users.upsert(tx, user, sealed(pair, self._vault, user_id=user.user_id, now_us=tx.now_us))
        admissions.remove(tx, Kind.USER, account.username)
        tx.notice(CredentialBrought(user_id=user.user_id))
        if known and known != user:
            tx.notice(AccessChanged(user_id=user.user_id, role=user.role))
        return user

    def start_session(self, tx: Tx, user: User, pair: SessionTokens, *, client: str) -> None:
        """A first session of a family of its own."""
        signin.start(
            tx,
            pair,
            session_id=self._ids.new("ses"),
            family_id=self._ids.new("fam"),
            user_id=user.user_id,
            client=client,
        )
