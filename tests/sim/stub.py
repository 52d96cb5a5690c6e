"""The client's end: what stands in the place of a generated stub, and doubles requests by the seed."""

import asyncio
import inspect
from typing import Any

from tests.sim.call import Call
from tests.sim.calls import Core
from tests.sim.method import Method
from tests.sim.network import Link, Network
from tests.sim.process import Process


class Stub:
    """One client's door to a service: a callable for each method, as the generated stubs have them."""

    def __init__(self, network: Network, link: Link, service: Any, process: Process) -> None:
        self.network, self.link, self.process = network, link, process
        self.observe: Any = lambda name, data, response: None
        self.outgoing: Any = lambda name, request: None
        for method in service.methods:
            setattr(
                self,
                method.name,
                _Callable(self, Method(method, _message(method.input_type), _message(method.output_type))),
            )


class _Callable:
    def __init__(self, stub: Stub, method: Method) -> None:
        self._stub, self._method = stub, method

    def __call__(self, request: Any = None, *, metadata: Any = None, timeout: float | None = None) -> Call:
        core = Core(self._stub, self._method, metadata, timeout)
        call = Call(core)
        if not self._stub.process.alive:
            return call
        network = self._stub.network
        if self._method.client_streaming:
            core.pipe.send(True, lambda: core.begin(None))
            if request is not None:
                asyncio.get_running_loop().create_task(_feed(core, request))
            return call
        data = request.SerializeToString()
        self._stub.outgoing(self._method.name, request)
        if not self._method.server_streaming and network.happens(network.weather.lose_request):
            core.pipe.lose()
            return call
        core.pipe.send(True, lambda: core.begin(data))
        if not self._method.server_streaming and network.happens(network.weather.double):
            self._again(core, data)
        return call

    def _again(self, core: Core, data: bytes) -> None:
        """The same bytes once more, later; nobody hears the answer."""
        network, method = core.network, self._method

        def again() -> None:
            server = network.server
            if server is not None and server.serving and server.process.alive:
                network.step(f"{core.stub.link.name} {method.name} doubled")
                echo = _Echo(core)
                server.run(method.serve(echo, server.handlers[method.path], data))

        late_s = network.chance.random() ** 2 * network.weather.double_late_s
        asyncio.get_running_loop().call_later(late_s, again, context=network.nowhere())


class _Echo:
    """The far end of a doubled request."""

    def __init__(self, core: Core) -> None:
        self.metadata, self.stub = core.metadata, core.stub

    async def respond(self, data: bytes) -> None:
        """To nobody."""

    def end(self, status: Any) -> None:
        """Of nothing."""


async def _feed(core: Core, requests: Any) -> None:
    if inspect.isasyncgen(requests) or hasattr(requests, "__aiter__"):
        async for request in requests:
            if core.done:
                return
            await core.write(request)
    else:
        for request in requests:
            if core.done:
                return
            await core.write(request)
    await core.done_writing()


def _message(descriptor: Any) -> Any:
    return descriptor._concrete_class
