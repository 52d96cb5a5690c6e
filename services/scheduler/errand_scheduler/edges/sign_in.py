"""The ways in: with GitHub, or by a link."""

import structlog

from errand.v1 import account_service_pb2 as pb
from errand_common.errors import Conflict, Invalid
from errand_common.wire import duration, seconds
from errand_scheduler import wire
from errand_scheduler.access import entrance, signin
from errand_scheduler.access.admission import Listed, not_admitted
from errand_scheduler.access.callers import caller
from errand_scheduler.access.entrance import Entrance
from errand_scheduler.access.people import People
from errand_scheduler.access.sign_in_links import SignInLink, SignInLinks
from errand_scheduler.access.signin import ACCESS_S, REFRESH_S, SessionTokens
from errand_scheduler.access.single_user import Owner
from errand_scheduler.edges.requests import check_header
from errand_scheduler.github import Account, GitHub
from errand_scheduler.github.renewal import TokenPair
from errand_scheduler.store import admissions, users
from errand_scheduler.store.admissions import Kind
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.users import User
from errand_scheduler.store.writer import Writer

log = structlog.get_logger()

_LONGEST_S = 10 * 366 * 86_400.0  # a token of GitHub's that outlives this need not be said to expire


class SignIns:
    """Which way is open depends on the mode: `admission` is the owner's list, or the owner alone."""

    def __init__(
        self,
        *,
        reader: Reader,
        writer: Writer,
        people: People,
        github: GitHub,
        links: SignInLinks,
        admission: Listed | Owner,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._people = people
        self._github = github
        self._links = links
        self._admission = admission

    @property
    def single_user(self) -> bool:
        """Whether the owner of ERRAND_GITHUB_TOKEN is the only user."""
        return isinstance(self._admission, Owner)

    async def create_link(self) -> pb.CreateSignInLinkResponse:
        """Another link."""
        by = caller()
        await self._writer.write(lambda tx: by.note(tx, "create_sign_in_link", by.name))
        secret = self._links.put(SignInLink(maker=by.name))
        log.info("sign_in_link_made")
        return pb.CreateSignInLinkResponse(secret=secret, expire_duration=duration(self._links.lifetime_s))

    async def redeem(self, request: pb.RedeemSignInLinkRequest) -> pb.RedeemSignInLinkResponse:
        """A session of the owner's for a link. Raises Invalid, GitHubUnavailable, and Conflict in the other mode."""
        _check_client(request.client)
        owner = self._admission
        if not isinstance(owner, Owner):
            raise Conflict(
                "people sign in to this Errand with GitHub, and a link admits whoever does so: its gateway lacks "
                "ERRAND_GITHUB_CLIENT_ID and ERRAND_GITHUB_CLIENT_SECRET"
            )
        if self._links.peek(request.secret) is None:
            raise _not_good()
        account = await owner.account()
        pair, note = signin.new_pair(), caller().note

        def sign_in(tx: Tx) -> User:
            user = owner.keep(tx, account)
            self._people.start_session(tx, user, pair, client=request.client)
            note(tx, "redeem_sign_in_link", user.user_id)
            return user

        with self._links.spending(request.secret) as link:
            if link is None:
                raise _not_good()
            user = await self._writer.write(sign_in)
        owner.know(user)
        _log_spent(link, user)
        return pb.RedeemSignInLinkResponse(user=wire.user(user), tokens=tokens_of(pair))

    async def complete(self, request: pb.CompleteSignInRequest) -> pb.CompleteSignInResponse:
        """A session for who signed in at GitHub. Raises Denied NOT_ADMITTED, Invalid for a link that admits nobody,
        and Conflict in single-user mode."""
        if not request.github_access_token:
            raise Invalid("github_access_token is empty; pass the one that GitHub gave")
        check_header(request.github_access_token, field="github_access_token")
        check_header(request.github_refresh_token, field="github_refresh_token")
        brought = _brought(request)
        _check_client(request.client)
        if not isinstance(self._admission, Listed):
            raise Conflict(
                "this Errand has one user, the owner of ERRAND_GITHUB_TOKEN, who signs in by link alone: take "
                "ERRAND_GITHUB_CLIENT_ID off its gateway, then `errand-scheduler link` on its host prints one"
            )
        account = await self._github.account(request.github_access_token)
        entered = await self._entrance(self._admission, account, request.github_access_token)
        pair, note = signin.new_pair(), caller().note

        def sign_in(tx: Tx) -> User:
            way_in, raises = entered, False
            if link is not None:
                admins = tx.one(users.admins()) or 0
                way_in, raises = entrance.by_link(entered, admins=admins), not admins
            assert way_in is not None  # one of the two
            user = self._people.keep(tx, account, brought, way_in, raises=raises)
            self._people.start_session(tx, user, pair, client=request.client)
            note(tx, "complete_sign_in", user.user_id)
            return user

        if entered is None and not request.link_secret:
            raise not_admitted(account.username)
        with self._links.spending(request.link_secret) as link:
            if link is None and entered is None:
                raise _not_good()
            user = await self._writer.write(sign_in)
        if link is not None:
            _log_spent(link, user)
        return pb.CompleteSignInResponse(user=wire.user(user), tokens=tokens_of(pair))

    async def _entrance(self, listed: Listed, account: Account, token: str) -> Entrance | None:
        """How the account comes in without a link; none where it does not. Raises Denied for one that was shut out."""
        known = await self._reader.one(users.by_github_id(account.github_id))
        said = await self._reader.one(admissions.of(Kind.USER, account.username))
        if (entered := entrance.by_name(listed, account.username, known=known, said=said)) is not None:
            return entered
        allowed = await self._reader.all(admissions.organisations())
        if not allowed:
            return None
        return entrance.by_organisation(allowed, (await self._github.organisations(token)).names)


def tokens_of(pair: SessionTokens) -> pb.SessionTokens:
    """A session's new tokens, for whoever signs in."""
    return pb.SessionTokens(
        access_token=pair.access,
        access_duration=duration(ACCESS_S),
        refresh_token=pair.refresh,
        refresh_duration=duration(REFRESH_S),
    )


def _brought(request: pb.CompleteSignInRequest) -> TokenPair:
    lifetime_s = seconds(request.github_access_duration) if request.HasField("github_access_duration") else None
    if lifetime_s is not None and not 0 < lifetime_s <= _LONGEST_S:
        raise Invalid(f"github_access_duration is {lifetime_s:g} s; it must be above 0 and at most {_LONGEST_S:g} s")
    return TokenPair(access=request.github_access_token, refresh=request.github_refresh_token, lifetime_s=lifetime_s)


def _check_client(client: str) -> None:
    if not 1 <= len(client) <= 64:
        raise Invalid("client must be 1 to 64 characters; say what signs in, such as web")


def _not_good() -> Invalid:
    return Invalid(
        "the sign-in link was used, is older than 15 minutes, or was made before Errand was started again; "
        "`errand-scheduler link` on its host prints a new one"
    )


def _log_spent(link: SignInLink, user: User) -> None:
    log.info("sign_in_link_spent", maker=link.maker, user_id=user.user_id)
