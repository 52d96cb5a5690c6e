"""What the live socket says and hears, as JSON text.

The client: `authenticate{token}` first, where it can send neither header nor cookie; then
`subscribe{task_id, cursor}` (no task: all of the caller's; no cursor: from the beginning), `unsubscribe{task_id}`,
`ping`, as often as it likes.

The server: `hello` once; then for each subscription, named by the `task_id` that it was asked with,
`event{event}`, `delta{delta}`, `caught_up{cursor}`, after it `snapshot{snapshot}` for each thing that is going on just
then (in the form of a delta; it replaces what was shown of its subject and kind), `reset{cursor}`; `heartbeat` in time
and as the answer to `ping`;
`error{reason, detail}`, with `task_id` where a subscription is meant and `retrying` where it goes on by itself.
"""

import json
from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from errand_common.errors import ErrandError, Invalid
from errand_common.wire import Json
from errand_gateway.scheduler.watched import Watched
from errand_gateway.text import Text

PROTOCOL = 1

TaskId = Annotated[Text, Field(min_length=1, max_length=64)]


class Authenticate(BaseModel):
    """Who speaks."""

    type: Literal["authenticate"]
    token: str = Field(repr=False)


class Subscribe(BaseModel):
    """Replay what is after the cursor, then follow. A second one for the same task replaces the first."""

    type: Literal["subscribe"]
    task_id: TaskId | None = None
    cursor: Annotated[Text, Field(max_length=256)] = ""


class Unsubscribe(BaseModel):
    """No more of it."""

    type: Literal["unsubscribe"]
    task_id: TaskId | None = None


class Ping(BaseModel):
    """Is anyone there."""

    type: Literal["ping"]


Heard = Authenticate | Subscribe | Unsubscribe | Ping

_HEARD: TypeAdapter[Heard] = TypeAdapter(Annotated[Heard, Field(discriminator="type")])

HEARTBEAT = json.dumps({"type": "heartbeat"})


def parse(text: str) -> Heard:
    """What the client said. Raises Invalid."""
    try:
        return _HEARD.validate_json(text)
    except ValidationError as exc:
        # The input is left out: it may hold a token.
        found = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in exc.errors())
        raise Invalid(f"not a message of this protocol: {found}") from exc


def hello(*, user_id: str, heartbeat_s: float) -> str:
    """The first message."""
    return _text({"type": "hello", "protocol": PROTOCOL, "user_id": user_id, "heartbeat_duration": heartbeat_s})


def watched_message(watched: Watched, *, task_id: str | None) -> str:
    """One thing of a subscription."""
    return _text({"type": watched.kind, "task_id": task_id, **watched.body})


def error_message(error: ErrandError) -> str:
    """A refusal that concerns the socket or the message before."""
    return _text(_error(error))


def subscription_error(error: ErrandError, *, task_id: str | None, retrying: bool) -> str:
    """What befell a subscription; unless it is `retrying` it is over."""
    return _text({**_error(error), "task_id": task_id, "retrying": retrying})


def _error(error: ErrandError) -> dict[str, Json]:
    return {"type": "error", "reason": error.reason, "detail": error.message}


def _text(message: dict[str, Json]) -> str:
    # A quarter of what `json` takes, of what is done for every event and every phone.
    return to_json(message).decode()
