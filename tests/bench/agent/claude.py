"""A Claude for measurements, in a process of its own: answers at once, or after a delay, and notes the times.

It reads of a request only whose it is, so that it takes next to nothing of the machine that it measures. Each path
before `/v1` is a client's (`/mini` is told to end by a command); each of a client's conversations is told by its name,
`session-0001`, in the first message, or there is one at a time.
"""

import argparse
import asyncio
import json
import re
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from aiohttp import web

from tests.bench.agent.script import MODEL, TURNS, blocks
from tests.standins.claude.models import MODELS

_NAME = re.compile(rb"session-\d{4}")
_LARGEST_REQUEST_BYTES = 32 * 1024 * 1024
_PIECE_CHARACTERS = 24
_USAGE = {
    "input_tokens": 1000,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 100,
}


@dataclass
class Session:
    """One conversation: in which turn it is, and when each request was read and each reply written."""

    turn: int = 0
    asked_s: list[float] = field(default_factory=list)
    answered_s: list[float] = field(default_factory=list)

    def gaps_ms(self) -> list[float]:
        """From each reply's last byte to the next request's."""
        return [1000 * (asked - said) for said, asked in zip(self.answered_s, self.asked_s[1:], strict=False)]


class Claude:
    """Keeps the sessions. A finished one gives its name to the next."""

    def __init__(self, *, turns: int, delay_s: float) -> None:
        self._turns, self._delay_s = turns, delay_s
        self._sessions: dict[tuple[str, bytes], Session] = defaultdict(Session)
        self._finished: list[Session] = []

    async def messages(self, http: web.Request) -> web.StreamResponse:
        """One reply: a stream where one is asked for, in one write."""
        body = await http.read()
        asked_s = time.perf_counter()
        client = http.match_info["client"]
        name = _NAME.search(body)
        key = client, name[0] if name else b""
        session = self._sessions[key]
        session.asked_s.append(asked_s)
        reply = blocks(session.turn, turns=self._turns, by_command=client == "mini")
        session.turn += 1
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        if b'"stream":true' in body or b'"stream": true' in body:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "request-id": "req_bench"})
            await response.prepare(http)
            await response.write(b"".join(_events(reply)))
            await response.write_eof()
        else:
            response = web.json_response(_message(reply))
            await response.prepare(http)
            await response.write_eof()
        session.answered_s.append(time.perf_counter())
        if session.turn > self._turns:
            self._finished.append(self._sessions.pop(key))
        return response

    async def times(self, _: web.Request) -> web.Response:
        """The gaps of each session that was finished since this was last asked, in milliseconds."""
        finished, self._finished = self._finished, []
        return web.json_response([session.gaps_ms() for session in finished])

    async def model(self, _: web.Request) -> web.Response:
        """What the model can."""
        return web.json_response(MODELS[MODEL])


def _message(reply: list[dict[str, object]]) -> dict[str, object]:
    return {
        "id": "msg_bench",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": reply,
        "stop_reason": "tool_use" if len(reply) > 1 else "end_turn",
        "stop_sequence": None,
        "usage": _USAGE,
    }


def _events(reply: list[dict[str, object]]) -> Iterator[bytes]:
    yield _event("message_start", message=_message([]) | {"stop_reason": None})
    for index, block in enumerate(reply):
        kind, text = ("text", block["text"]) if block["type"] == "text" else ("input", json.dumps(block["input"]))
        empty = block | {"text": ""} if kind == "text" else block | {"input": {}}
        yield _event("content_block_start", index=index, content_block=empty)
        for piece in _pieces(str(text)):
            delta = (
                {"type": "text_delta", "text": piece}
                if kind == "text"
                else {"type": "input_json_delta", "partial_json": piece}
            )
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    ending = {"stop_reason": _message(reply)["stop_reason"], "stop_sequence": None}
    yield _event("message_delta", delta=ending, usage={"output_tokens": 100})
    yield _event("message_stop")


def _pieces(text: str) -> list[str]:
    return [text[at : at + _PIECE_CHARACTERS] for at in range(0, len(text), _PIECE_CHARACTERS)]


def _event(kind: str, **fields: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


async def _serve(turns: int, delay_s: float) -> None:
    claude = Claude(turns=turns, delay_s=delay_s)
    app = web.Application(client_max_size=_LARGEST_REQUEST_BYTES)
    app.router.add_post("/{client}/v1/messages", claude.messages)
    app.router.add_get("/{client}/v1/models/{model}", claude.model)
    app.router.add_get("/times", claude.times)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(json.dumps({"url": f"http://127.0.0.1:{runner.addresses[0][1]}"}), flush=True)
    await stopped.wait()
    await runner.cleanup()


def main() -> None:
    """Serves until SIGTERM; prints its address as one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.agent.claude", description=__doc__)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    options = parser.parse_args()
    asyncio.run(_serve(options.turns, options.delay_ms / 1000))


if __name__ == "__main__":
    main()
