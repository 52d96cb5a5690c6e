"""A project's secrets: /v1/projects/{project_id}/secrets. No answer holds a value."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from errand_gateway.problems import RESPONSES
from errand_gateway.rest.answers import ListProjectSecretsResponse, SetProjectSecretResponse
from errand_gateway.rest.parameters import IdempotencyKey, SessionToken
from errand_gateway.scheduler.connection import JsonObject
from errand_gateway.scheduler.project_secrets import ProjectSecrets
from errand_gateway.text import Text


class SetProjectSecret(BaseModel):
    """Sets or replaces a secret of a project."""

    value: Annotated[
        Text,
        Field(repr=False, description="8 characters to 16 KiB; it is never given back, so keep it elsewhere as well"),
    ]
    agent_may_read: Annotated[
        bool,
        Field(
            description="False: the setup script alone gets it. True: what Claude runs gets it too, so that Claude can "
            "read it and can pass it on to whatever the project's network lets it reach"
        ),
    ] = False


class SecretRoutes:
    """Translates; the scheduler judges."""

    def __init__(self, secrets: ProjectSecrets) -> None:
        self._secrets = secrets

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1/projects/{project_id}/secrets", tags=["account"], responses=RESPONSES)
        add = router.add_api_route
        add("", self.list, response_model=ListProjectSecretsResponse, response_model_exclude_unset=True)
        add(
            "/{name}",
            self.set,
            methods=["PUT"],
            response_model=SetProjectSecretResponse,
            response_model_exclude_unset=True,
        )
        add("/{name}", self.remove, methods=["DELETE"], status_code=204)
        return router

    async def list(self, token: SessionToken, project_id: str) -> JsonObject:
        """Lists the secrets of a project, by name and without their values."""
        return await self._secrets.list(token, project_id=project_id)

    async def set(
        self, token: SessionToken, project_id: str, name: str, body: SetProjectSecret, key: IdempotencyKey = ""
    ) -> JsonObject:
        """Sets or replaces a secret, an environment variable of this name; tasks get it when they next start or are
        sent on. The value is masked in all that is shown of what they do."""
        return await self._secrets.set(
            token,
            request_id=key,
            project_id=project_id,
            name=name,
            value=body.value,
            agent_may_read=body.agent_may_read,
        )

    async def remove(self, token: SessionToken, project_id: str, name: str, key: IdempotencyKey = "") -> None:
        """Removes a secret, where there is one; an attempt at work keeps it to its end."""
        await self._secrets.remove(token, request_id=key, project_id=project_id, name=name)
