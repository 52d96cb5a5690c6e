"""Who calls the REST interface and what they may do."""

import structlog
from aiohttp import web

from tests.standins.github.accounts import Accounts, User
from tests.standins.github.repositories import Repositories, Repository
from tests.standins.github.rest import caller_of
from tests.standins.github.rest_errors import not_found, sign_in_required
from tests.standins.github.rights import Right, right_of

log = structlog.get_logger()


class Access:
    """Answers who calls and what they may do, or refuses as GitHub does."""

    def __init__(self, accounts: Accounts, repositories: Repositories) -> None:
        self._accounts = accounts
        self._repositories = repositories

    def user(self, request: web.Request, docs: str) -> User:
        """Raises ApiError 401 without a token."""
        token = caller_of(request).token
        user = self._accounts.user(token.login) if token else None
        if user is None:
            raise sign_in_required(docs)
        return user

    def repository(self, request: web.Request, docs: str) -> tuple[Repository, Right]:
        """The repository in the path and the caller's right, at least to read. Raises ApiError 404."""
        repository = self._repositories.find(f"{request.match_info['owner']}/{request.match_info['name']}")
        if repository is None:
            raise not_found(docs)
        right = self.right(request, repository)
        if right is Right.NONE:
            raise not_found(docs)
        return repository, right

    def right(self, request: web.Request, repository: Repository) -> Right:
        token = caller_of(request).token
        granted = self._repositories.granted(token.login, repository) if token else Right.NONE
        right = right_of(token, granted, private=repository.private)
        if right < granted:
            log.warning("token_scopes_too_narrow", repository=repository.full_name, granted=granted.name)
        return right
