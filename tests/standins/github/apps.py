"""GitHub Apps: their keys, where they are installed, and what they may do there."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from joserfc.jwk import RSAKey

from tests.standins.github.accounts import Accounts, Reach, Token
from tests.standins.github.repositories import Repository

Permissions = Mapping[str, str]


@dataclass(frozen=True)
class App:
    """Its private key is the owner's; only the public half is known here."""

    id: int
    slug: str
    client_id: str
    key: RSAKey
    permissions: Permissions


@dataclass(frozen=True)
class Installation:
    id: int
    app: App
    account: str
    repositories: frozenset[str]
    permissions: Permissions
    suspended: bool = False

    def holds(self, full_name: str) -> bool:
        return full_name.lower() in self.repositories


class Apps:
    """Owns apps and installations; what they give away is the accounts' to keep."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._apps: list[App] = []
        self._installations: dict[int, Installation] = {}

    def add(self, slug: str, *, client_id: str, permissions: Permissions) -> tuple[App, str]:
        """The app, and its private key as PEM."""
        key = RSAKey.generate_key(2048)
        public = RSAKey.import_key(key.as_pem(private=False))
        app = App(
            id=910_001 + len(self._apps), slug=slug, client_id=client_id, key=public, permissions=dict(permissions)
        )
        self._apps.append(app)
        return app, key.as_pem(private=True).decode()

    def install(self, slug: str, full_name: str) -> Installation:
        """On one more repository of its owner, with the permissions that the app asks for now."""
        app = next(each for each in self._apps if each.slug == slug)
        account = full_name.partition("/")[0]
        known = next((each for each in self.of(app) if each.account == account), None)
        installation = Installation(
            id=known.id if known else 50_001 + len(self._installations),
            app=app,
            account=account,
            repositories=(known.repositories if known else frozenset()) | {full_name.lower()},
            permissions=app.permissions,
        )
        self._installations[installation.id] = installation
        return installation

    def uninstall(self, slug: str, full_name: str) -> None:
        """From one repository; what was given away for it is good no more."""
        for each in self._holding(slug, full_name):
            self._installations[each.id] = replace(each, repositories=each.repositories - {full_name.lower()})

    def grant(self, slug: str, full_name: str, permissions: Permissions) -> None:
        """What its owner lets it do there, in place of what it asked for."""
        for each in self._holding(slug, full_name):
            self._installations[each.id] = replace(each, permissions=dict(permissions))

    def suspend(self, slug: str, full_name: str) -> None:
        for each in self._holding(slug, full_name):
            self._installations[each.id] = replace(each, suspended=True)

    def rename(self, full_name: str, new: str) -> None:
        """An installation goes along with its repository."""
        for each in [each for each in self._installations.values() if each.holds(full_name)]:
            repositories = each.repositories - {full_name.lower()} | {new.lower()}
            self._installations[each.id] = replace(each, repositories=repositories)

    def by_issuer(self, issuer: object) -> App | None:
        """By id, or by client id, as GitHub takes both."""
        return next((each for each in self._apps if str(issuer) in (str(each.id), each.client_id)), None)

    def of(self, app: App) -> list[Installation]:
        return [each for each in self._installations.values() if each.app.id == app.id]

    def on(self, app: App, repository: Repository) -> Installation | None:
        return next((each for each in self.of(app) if each.holds(repository.full_name)), None)

    def find(self, app: App, installation_id: int) -> Installation | None:
        found = self._installations.get(installation_id)
        return found if found and found.app.id == app.id else None

    def mint(self, installation: Installation, repositories: frozenset[str], permissions: Permissions) -> Token:
        """A token that reaches these repositories, with these permissions, for an hour."""
        reach = Reach(installation.id, repositories, dict(permissions))
        return self._accounts.issue_app_token(f"{installation.app.slug}[bot]", reach, app_id=installation.app.id)

    def granted(self, token: Token, repository: Repository) -> Permissions:
        """What an app's token may do with a repository now; nothing where it does not reach it."""
        assert token.reach is not None
        installation = self._installations.get(token.reach.installation_id)
        gone = installation is None or installation.suspended or not installation.holds(repository.full_name)
        return {} if gone or repository.full_name.lower() not in token.reach.repositories else token.reach.permissions

    def behind(self, client_id: str, repository: Repository) -> Permissions:
        """What the app with which a person signed in may do with a repository."""
        app = self.by_issuer(client_id)
        installation = self.on(app, repository) if app else None
        return installation.permissions if installation and not installation.suspended else {}

    def _holding(self, slug: str, full_name: str) -> list[Installation]:
        return [each for each in self._installations.values() if each.app.slug == slug and each.holds(full_name)]
