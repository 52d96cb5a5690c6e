"""People with phones: they ask, ask again when nothing comes back, and watch."""

import asyncio
import random
from contextlib import suppress
from typing import Any

from errand.v1 import task_pb2
from errand.v1 import task_service_pb2 as pb
from errand_common import rpc
from errand_common.errors import ErrandError, Internal
from tests.sim import wrong
from tests.sim.asking import ask
from tests.sim.breach import Breach
from tests.sim.database import project_id
from tests.sim.invariants.invariants import Invariants
from tests.sim.network import Network
from tests.sim.process import Process
from tests.sim.stub import Stub

SERVICE = pb.DESCRIPTOR.services_by_name["TaskService"]
_QUIET_S = 14.0  # for so long nothing happened before the end
_KINDS = {
    "follow up": task_pb2.INPUT_KIND_QUEUE,
    "steer": task_pb2.INPUT_KIND_STEER,
    "answer": task_pb2.INPUT_KIND_ANSWER,
}


class Person:
    """One user with one device."""

    def __init__(
        self, number: int, network: Network, chance: random.Random, invariants: Invariants, *, slow_s: float
    ) -> None:
        self._number, self._chance, self._invariants, self._slow_s = number, chance, invariants, slow_s
        self.process = Process(f"person{number}")
        self.link = network.link(f"person{number}")
        self._stub: Any = Stub(network, self.link, SERVICE, self.process)
        self._metadata = rpc.bearer(f"person{number}")
        self.tasks: dict[int, str] = {}
        self.patient = True
        self._calls: dict[int, Any] = {}

    async def create(self, number: int, *, host: str = "", allowance: int = 0) -> None:
        """A task; told twice, it is one."""
        request = pb.CreateTaskRequest(
            request_id=f"create-{self._number}-{number}",
            project_id=project_id(self._number),
            prompt=f"do {number}",
            required_labels={"host": host} if host else {},
            allowance=task_pb2.Allowance(cost_nanodollars=allowance),
        )
        response = await self._ask("CreateTask", request)
        if response is not None:
            self.tasks[number] = response.task.task_id
            self._invariants.told.created(response.task.task_id)

    async def write(self, number: int, kind: str) -> None:
        """Something to the task."""
        task_id = self.tasks.get(number)
        if task_id is None:
            return
        request = pb.AddInputRequest(
            request_id=self._request_id(), task_id=task_id, text=f"also {kind}", kind=_KINDS[kind]
        )
        response = await self._ask("AddInput", request)
        if response is not None:
            self._invariants.told.wrote(response.input.input_id, task_id)

    async def stop(self, number: int) -> None:
        """Enough."""
        task_id = self.tasks.get(number)
        if task_id is not None:
            response = await self._ask("StopTask", pb.StopTaskRequest(task_id=task_id, request_id=self._request_id()))
            if response is not None:
                self._invariants.told.stopped(task_id)

    async def retry(self, number: int) -> None:
        """Again."""
        task_id = self.tasks.get(number)
        if task_id is not None:
            await self._ask("RetryTask", pb.RetryTaskRequest(task_id=task_id, request_id=self._request_id()))

    async def raise_allowance(self, number: int, nanodollars: int) -> None:
        """It may cost so much more."""
        task_id = self.tasks.get(number)
        if task_id is not None:
            more = task_pb2.Allowance(cost_nanodollars=nanodollars)
            request = pb.RaiseAllowanceRequest(task_id=task_id, more=more, request_id=self._request_id())
            response = await self._ask("RaiseAllowance", request)
            if response is not None:
                self._invariants.told.raised(task_id, response.task.allowance.cost_nanodollars)

    async def change(self, number: int, kind: str) -> None:
        """Edit, promote or remove what still waits, or may."""
        task_id = self.tasks.get(number)
        if task_id is None:
            return
        listed = await self._ask("ListInputs", pb.ListInputsRequest(task_id=task_id))
        if listed is None or not listed.inputs:
            return
        input_id = self._chance.choice(list(listed.inputs)).input_id
        match kind:
            case "edit":
                await self._ask(
                    "EditInput", pb.EditInputRequest(input_id=input_id, text="no, that", request_id=self._request_id())
                )
            case "promote":
                await self._ask("PromoteInput", pb.PromoteInputRequest(input_id=input_id))
            case "remove":
                await self._ask("RemoveInput", pb.RemoveInputRequest(input_id=input_id))

    async def look(self, number: int) -> None:
        """Everything that can be read of a task."""
        task_id = self.tasks.get(number)
        if task_id is None:
            return
        await self._ask("GetTask", pb.GetTaskRequest(task_id=task_id))
        await self._read_pages("ListTasks", pb.ListTasksRequest(page_size=1))
        await self._ask("ListEvents", pb.ListEventsRequest(task_id=task_id))
        await self._read_pages("ListMessages", pb.ListMessagesRequest(task_id=task_id, page_size=2))
        await self._read_long_content(task_id)
        await self._read_pages("ListToolCalls", pb.ListToolCallsRequest(task_id=task_id, page_size=2))
        await self._ask("ExplainPending", pb.ExplainPendingRequest(task_id=task_id))

    async def _read_long_content(self, task_id: str) -> None:
        listed = await self._ask("ListMessages", pb.ListMessagesRequest(task_id=task_id))
        for message in () if listed is None else listed.messages:
            if message.HasField("content_blob"):
                request = pb.GetBlobRequest(task_id=task_id, sha256=message.content_blob.sha256)
                with suppress(ErrandError), rpc.renamed_errors():
                    async for _ in self._stub.GetBlob(request, metadata=self._metadata, timeout=10.0):
                        await asyncio.sleep(0)

    async def _read_pages(self, method: str, request: Any) -> None:
        while (page := await self._ask(method, request)) is not None and page.next_page_token:
            request.page_token = page.next_page_token

    async def blunder(self, number: int) -> None:
        """What nobody may ask."""
        calls = [*wrong.calls_of_person(self.tasks.get(number, f"tsk_{'0' * 26}"))]
        if number in self.tasks:
            other = pb.CreateTaskRequest(
                request_id=f"create-{self._number}-{number}",
                project_id=project_id(self._number),
                prompt="another",
            )
            calls.append(("CreateTask", other))
        method, request = self._chance.choice(calls)
        try:
            with rpc.renamed_errors():
                await getattr(self._stub, method)(request, metadata=self._metadata, timeout=10.0)
        except Internal as exc:
            raise Breach("bug", f"{method} broke: {exc.message}") from exc
        except ErrandError:
            return
        # After a restore a request id may be free again: what it once made is not there.
        if method != "CreateTask" or not self._invariants.told.is_lost(self.tasks.get(number, "")):
            raise Breach("bug", f"{method} was done: {request}")

    async def watch(self, number: int, *, everything: bool) -> None:
        """Follow one task or all, from the last cursor on whenever the line breaks, until it is calm and quiet."""
        task_id = "" if everything else self.tasks.get(number, "")
        if not task_id and not everything:
            return
        cursor = ""
        follower = self._invariants.follower(f"person{self._number}", task_id)
        while self.patient:
            cursor = await self._watch_once(task_id, cursor, follower)
            await asyncio.sleep(self._chance.uniform(0.1, 5.0))

    async def _watch_once(self, task_id: str, cursor: str, follower: Any) -> str:
        request = pb.WatchEventsRequest(task_id=task_id, after_cursor=cursor)
        for_s = self._chance.choice((2.0, 30.0, 300.0))
        call, began_s = None, asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(for_s):
                with rpc.renamed_errors():
                    call = self._calls[id(follower)] = self._stub.WatchEvents(request, metadata=self._metadata)
                    async for response in call:
                        cursor = follower.heard(response, cursor)
                        if self._slow_s and self.patient:
                            await asyncio.sleep(self._chance.random() * self._slow_s)
        except (ErrandError, TimeoutError) as exc:
            if isinstance(exc, Internal):
                raise Breach("bug", f"WatchEvents broke: {exc.message}") from exc
            if not (self.patient or self._slow_s) and asyncio.get_running_loop().time() - began_s > _QUIET_S:
                self._invariants.complete(task_id, cursor, f"person{self._number}")
        finally:
            if call is not None:
                call.cancel()
        return cursor

    def hang_up(self) -> None:
        """Everything is over: every watch ends."""
        self.patient = False
        for call in self._calls.values():
            call.cancel()

    def _request_id(self) -> str:
        """One of its own, mostly."""
        return self._chance.randbytes(6).hex() if self._chance.random() < 0.8 else ""

    async def _ask(self, method: str, request: Any) -> Any:
        """The answer; none where it was refused for good."""
        try:
            return await ask(self._stub, method, request, metadata=self._metadata, chance=self._chance)
        except ErrandError as exc:
            self._invariants.told.refused(method, request, exc)
            return None
