"""What requests bring along, as FastAPI dependencies."""

from typing import Annotated

from fastapi import Depends, Header, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import StringConstraints

from errand_gateway.sessions import Sessions

# Only for the OpenAPI document; `Sessions` reads the header.
_bearer = HTTPBearer(auto_error=False, description="A session's access token")


async def _session_token(
    request: Request, documented: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> str:
    # It waits for nothing. FastAPI has a plain function run by a thread, which took a quarter of a request's time.
    sessions: Sessions = request.app.state.sessions
    return sessions.token(request)


SessionToken = Annotated[str, Depends(_session_token)]

IdempotencyKey = Annotated[
    str,
    StringConstraints(pattern=r"^[\x21-\x7e]*$", max_length=128),
    Header(
        alias="Idempotency-Key", description="The same key with the same request returns the same thing; empty: none"
    ),
]

PageSize = Annotated[int, Query(ge=0, le=100, description="1 to 100; 0 means 50")]

PageToken = Annotated[str, Query(max_length=1024, description="From the page before; empty for the first")]

EventPageSize = Annotated[int, Query(ge=0, le=500, description="1 to 500; 0 means 200")]

AfterCursor = Annotated[str, Query(max_length=256, description="Exclusive; empty for the first page")]
