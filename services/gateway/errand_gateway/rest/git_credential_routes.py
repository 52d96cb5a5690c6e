"""What people use at git hosts beside GitHub: /v1/git-credentials."""

from fastapi import APIRouter
from pydantic import BaseModel

from errand_gateway.problems import RESPONSES
from errand_gateway.rest.answers import (
    ListGitCredentialsResponse,
    PutGitCredentialResponse,
    RemoveGitCredentialResponse,
)
from errand_gateway.rest.parameters import IdempotencyKey, SessionToken
from errand_gateway.scheduler.accounts import Accounts
from errand_gateway.scheduler.connection import JsonObject
from errand_gateway.text import Text


class PutGitCredential(BaseModel):
    """A user name, and a password or token. The secret is sealed, and never shown again."""

    username: Text
    password: Text


class GitCredentialRoutes:
    """Translates; the scheduler judges."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1", tags=["account"], responses=RESPONSES)
        add = router.add_api_route
        add(
            "/git-credentials",
            self.list,
            response_model=ListGitCredentialsResponse,
            response_model_exclude_unset=True,
        )
        add(
            "/git-credentials/{host}",
            self.put,
            methods=["PUT"],
            response_model=PutGitCredentialResponse,
            response_model_exclude_unset=True,
        )
        add(
            "/git-credentials/{host}",
            self.remove,
            methods=["DELETE"],
            response_model=RemoveGitCredentialResponse,
            response_model_exclude_unset=True,
        )
        return router

    async def list(self, token: SessionToken) -> JsonObject:
        """Lists what the caller brought, without the secrets, and the hosts for which something can be brought."""
        return await self._accounts.list_git_credentials(token)

    async def put(self, token: SessionToken, host: str, body: PutGitCredential, key: IdempotencyKey = "") -> JsonObject:
        """Keeps a user name and a password or token for a host, in place of what was there."""
        return await self._accounts.put_git_credential(
            token, request_id=key, host=host, username=body.username, password=body.password
        )

    async def remove(self, token: SessionToken, host: str, key: IdempotencyKey = "") -> JsonObject:
        """Forgets what the caller uses at a host."""
        return await self._accounts.remove_git_credential(token, request_id=key, host=host)
