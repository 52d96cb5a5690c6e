"""What waits for a phone that does not read is bounded: its events wait at the scheduler, and its deltas are lost."""

import asyncio

from starlette.types import Message
from starlette.websockets import WebSocket

from errand_gateway.live.limits import LiveLimits
from errand_gateway.live.send_queue import SendQueue


async def test_a_full_queue_has_events_wait_and_drops_deltas() -> None:
    sent: asyncio.Queue[Message] = asyncio.Queue()

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    websocket = WebSocket({"type": "websocket"}, receive, sent.put)
    await websocket.accept()
    await sent.get()
    queue = SendQueue(websocket, LiveLimits(waiting=2))
    await queue.put("one")
    await queue.put("two")
    waiting = asyncio.ensure_future(queue.put("three"))
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.offer("a delta")
    sending = asyncio.ensure_future(queue.run())
    async with asyncio.timeout(10):
        assert [(await sent.get())["text"] for _ in range(3)] == ["one", "two", "three"]
    sending.cancel()
    assert sent.empty()
