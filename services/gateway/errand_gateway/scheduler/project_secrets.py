"""AccountService's calls about secrets, as plain values."""

from errand.v1.account_service_pb2 import (
    ListProjectSecretsRequest,
    RemoveProjectSecretRequest,
    SetProjectSecretRequest,
)
from errand_gateway.scheduler.connection import Connection, JsonObject


class ProjectSecrets:
    """Each as the session of its token. All raise ErrandError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, token: str, *, project_id: str) -> JsonObject:
        """What is set, without the values."""
        request = ListProjectSecretsRequest(project_id=project_id)
        return await self._connection.read(self._connection.accounts.ListProjectSecrets, request, token=token)

    async def set(
        self, token: str, *, request_id: str, project_id: str, name: str, value: str, agent_may_read: bool
    ) -> JsonObject:
        """Set or replace one."""
        request = SetProjectSecretRequest(
            request_id=request_id, project_id=project_id, name=name, value=value, agent_may_read=agent_may_read
        )
        return await self._connection.read(self._connection.accounts.SetProjectSecret, request, token=token)

    async def remove(self, token: str, *, request_id: str, project_id: str, name: str) -> None:
        """Remove one, where it is there."""
        request = RemoveProjectSecretRequest(request_id=request_id, project_id=project_id, name=name)
        await self._connection.ask(self._connection.accounts.RemoveProjectSecret, request, token=token)
