"""What goes on on a live socket once it is known whose it is."""

import asyncio
from typing import assert_never

from starlette.websockets import WebSocket, WebSocketDisconnect

from errand_common.errors import ErrandError, Exhausted, Invalid
from errand_gateway.live.limits import LiveLimits
from errand_gateway.live.messages import (
    HEARTBEAT,
    Authenticate,
    Heard,
    Ping,
    Subscribe,
    Unsubscribe,
    error_message,
    hello,
    parse,
)
from errand_gateway.live.send_queue import SendQueue
from errand_gateway.live.subscription import Subscription
from errand_gateway.scheduler.tasks import Tasks


class Conversation:
    """Hears the client, keeps its subscriptions, beats."""

    def __init__(self, websocket: WebSocket, tasks: Tasks, limits: LiveLimits, *, token: str) -> None:
        self._websocket = websocket
        self._tasks = tasks
        self._limits = limits
        self._token = token
        self._queue = SendQueue(websocket, limits)
        self._subscriptions: dict[str | None, asyncio.Task[None]] = {}

    async def run(self, user_id: str) -> None:
        """Ends by WebSocketDisconnect or Closing, in a group."""
        await self._queue.put(hello(user_id=user_id, heartbeat_s=self._limits.heartbeat_s))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._queue.run())
            group.create_task(self._beat())
            while True:
                await self._hear(group)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._limits.heartbeat_s)
            self._queue.offer(HEARTBEAT)

    async def _hear(self, group: asyncio.TaskGroup) -> None:
        try:
            await self._answer(parse(await receive_text(self._websocket)), group)
        except ErrandError as exc:
            await self._queue.put(error_message(exc))

    async def _answer(self, heard: Heard, group: asyncio.TaskGroup) -> None:
        match heard:
            case Subscribe():
                await self._subscribe(heard, group)
            case Unsubscribe():
                await self._unsubscribe(heard.task_id)
            case Ping():
                await self._queue.put(HEARTBEAT)
            case Authenticate():
                raise Invalid("this connection is authenticated already; open another for another session")
            case _:
                assert_never(heard)

    async def _subscribe(self, asked: Subscribe, group: asyncio.TaskGroup) -> None:
        await self._unsubscribe(asked.task_id)
        if len(self._subscriptions) >= self._limits.subscriptions:
            raise Exhausted(f"this connection has {self._limits.subscriptions} subscriptions, the most; end one first")
        subscription = Subscription(
            self._tasks, self._queue, self._limits, token=self._token, task_id=asked.task_id, cursor=asked.cursor
        )
        task = group.create_task(subscription.run())
        self._subscriptions[asked.task_id] = task
        task.add_done_callback(lambda done: self._drop(asked.task_id, done))

    async def _unsubscribe(self, task_id: str | None) -> None:
        task = self._subscriptions.get(task_id)
        if task is None:
            return
        task.cancel()
        await asyncio.wait([task])

    def _drop(self, task_id: str | None, done: asyncio.Task[None]) -> None:
        if self._subscriptions.get(task_id) is done:
            del self._subscriptions[task_id]


async def receive_text(websocket: WebSocket) -> str:
    """The next message. Raises WebSocketDisconnect, or Invalid for a binary one."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1006))
    text = message.get("text")
    if not isinstance(text, str):
        raise Invalid("a binary message came; this protocol is JSON text")
    return text
