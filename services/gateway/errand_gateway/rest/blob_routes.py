"""Long content as it is stored: /v1/tasks/{task_id}/blobs."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import StreamingResponse

from errand_gateway.problems import RESPONSES
from errand_gateway.rest.parameters import SessionToken
from errand_gateway.scheduler.tasks import Tasks

_MEDIA_TYPE = "application/octet-stream"

Sha256 = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="As the message or tool call names it")]


class BlobRoutes:
    """Passes on; nothing is held but the piece that is under way."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1/tasks/{task_id}", tags=["history"], responses=RESPONSES)
        content = {_MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}
        router.add_api_route(
            "/blobs/{sha256}",
            self.blob,
            response_class=StreamingResponse,
            responses={200: {"description": "The content, byte for byte", "content": content}},
        )
        return router

    async def blob(self, token: SessionToken, task_id: str, sha256: Sha256) -> StreamingResponse:
        """Reads content of more than 64 KiB that a message or tool call of the task refers to."""
        chunks = self._tasks.blob(token, task_id=task_id, sha256=sha256)
        # Two pieces ahead: a refusal becomes a problem, and of what fits in one piece the length is known.
        first = await anext(chunks, b"")
        second = await anext(chunks, None)
        headers = {"Content-Disposition": f'attachment; filename="{sha256}"'}
        if second is None:
            headers["Content-Length"] = str(len(first))
        return StreamingResponse(_all(first, second, chunks), media_type=_MEDIA_TYPE, headers=headers)


async def _all(first: bytes, second: bytes | None, others: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    async with aclosing(others):
        yield first
        if second is not None:
            yield second
        async for chunk in others:
            yield chunk
