"""One method of the contract, as the simulated network carries it out."""

from typing import Any

import grpc

from tests.sim.server import Context


class Method:
    """One method of the contract."""

    def __init__(self, descriptor: Any, request: Any, response: Any) -> None:
        self.name: str = descriptor.name
        self.path = f"/{descriptor.containing_service.full_name}/{descriptor.name}"
        self.request, self.response = request, response
        self.client_streaming: bool = descriptor.client_streaming
        self.server_streaming: bool = descriptor.server_streaming

    async def serve(self, core: Any, handler: Any, data: bytes | None) -> None:
        """Run the handler and tell the client what came of it. Its own cancellation ends it silently."""

        async def send(response: Any) -> None:
            core.stub.observe(self.name, None, response)
            await core.respond(response.SerializeToString())

        context = Context(core.metadata, send, None if data is None else self.request.FromString(data))
        sent = core.request_iterator(self.request.FromString) if data is None else None
        try:
            if self.server_streaming:
                responses = handler.stream_stream(sent, context)
                try:
                    async for response in responses:
                        await send(response)
                finally:
                    await responses.aclose()
            else:
                response = await handler.stream_unary(sent, context)
                core.stub.observe(self.name, data, response)
                await core.respond(response.SerializeToString())
        except grpc.aio.AbortError:
            core.end(context.status)
        else:
            core.end(None)
