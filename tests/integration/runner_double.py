"""A runner process that does what it is told, and the events that it has to tell."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

import grpc

from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1 import event_pb2, runner_pb2, task_pb2
from errand_common import rpc
from errand_common.clock import Clock
from errand_common.errors import from_rpc_error
from errand_common.ids import Ids
from errand_common.protocol import FEATURES, OURS
from tests.integration.watching import DEADLINE_S

if TYPE_CHECKING:  # the stubs of the aio flavour are known to the type checker alone
    from errand.v1.dispatch_service_pb2_grpc import DispatchServiceAsyncStub

IDS = Ids(Clock())


class ScriptedRunner:
    """One runner process: it opens a session and then does only what the test says."""

    def __init__(
        self, stub: "DispatchServiceAsyncStub", token: str, *, nonce: str, slots: int, labels: Mapping[str, str]
    ) -> None:
        self.labels = labels
        self.stub = stub
        self.metadata = rpc.bearer(token)
        self.nonce = nonce
        self.slots = slots
        self.session_id = ""
        self.last_sequences: dict[str, int] = {}
        self._batch_number = 0

    async def __aenter__(self) -> Self:
        await self.open()
        self.watch = self.stub.WatchAssignments(
            dispatch.WatchAssignmentsRequest(session_id=self.session_id), metadata=self.metadata
        )
        self.snapshot = await self.next_change()
        assert self.snapshot.snapshot
        self._backlog = list(self.snapshot.assignments)
        self.stream = self.stub.StreamEvents(metadata=self.metadata)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.watch.cancel()
        self.stream.cancel()

    async def open(self, held: Sequence[runner_pb2.HeldAttempt] = ()) -> dispatch.OpenSessionResponse:
        request = dispatch.OpenSessionRequest(
            nonce=self.nonce,
            version="test",
            slots=self.slots,
            held_attempts=held,
            labels=self.labels,
            protocol=runner_pb2.ProtocolRange(oldest=OURS.oldest, newest=OURS.newest),
            features=FEATURES,
        )
        answer = await self.stub.OpenSession(request, metadata=self.metadata, timeout=DEADLINE_S)
        self.session_id = answer.session_id
        return answer

    async def next_change(self) -> dispatch.WatchAssignmentsResponse:
        async with asyncio.timeout(DEADLINE_S):
            change = await self.watch.read()
        assert isinstance(change, dispatch.WatchAssignmentsResponse)
        return change

    async def rest_of_watch(self) -> None:
        """Reads until the stream of assignments ends."""
        while True:
            await self.next_change()

    async def next_assignment(self) -> runner_pb2.Assignment:
        """The next one that is new or changed."""
        while not self._backlog:
            self._backlog += (await self.next_change()).assignments
        return self._backlog.pop(0)

    async def accept(self, ref: runner_pb2.AttemptRef) -> runner_pb2.ItemResult:
        request = dispatch.AcceptAttemptsRequest(session_id=self.session_id, attempts=[ref])
        return (await self.stub.AcceptAttempts(request, metadata=self.metadata, timeout=DEADLINE_S)).results[0]

    async def take(self) -> runner_pb2.Assignment:
        """The next offer, accepted; changes of older assignments are passed over."""
        while (assignment := await self.next_assignment()).phase != task_pb2.ATTEMPT_PHASE_OFFERED:
            continue
        assert (await self.accept(assignment.attempt)).error_reason == ""
        return assignment

    @asynccontextmanager
    async def beating(self, *refs: runner_pb2.AttemptRef) -> AsyncIterator[None]:
        """Heartbeats as a runner sends them, for as long as the context lasts."""

        async def beat() -> None:
            while True:
                await self.beat(*refs)
                await asyncio.sleep(0.05)

        async with asyncio.TaskGroup() as group:
            heart = group.create_task(beat())
            yield
            heart.cancel()

    async def beat(
        self, *refs: runner_pb2.AttemptRef, host: runner_pb2.HostReport | None = None
    ) -> dispatch.HeartbeatResponse:
        request = dispatch.HeartbeatRequest(session_id=self.session_id, attempts=refs, host=host)
        return await self.stub.Heartbeat(request, metadata=self.metadata, timeout=DEADLINE_S)

    async def beat_error(self, *refs: runner_pb2.AttemptRef) -> str:
        """The reason why a heartbeat is refused."""
        try:
            await self.beat(*refs)
        except grpc.aio.AioRpcError as exc:
            return from_rpc_error(exc).reason
        return ""

    async def send(self, ref: runner_pb2.AttemptRef, *events: runner_pb2.AttemptEvent) -> dispatch.AttemptAck:
        """Numbers the events and sends them as one batch."""
        for event in events:
            event.sequence = self.last_sequences[ref.attempt_id] = self.last_sequence(ref) + 1
        return await self.send_as_is(ref, *events)

    async def send_as_is(self, ref: runner_pb2.AttemptRef, *events: runner_pb2.AttemptEvent) -> dispatch.AttemptAck:
        batch = dispatch.AttemptBatch(attempt=ref, events=events)
        return (await self.send_request(batches=[batch])).acks[0]

    async def send_request(
        self, batches: Sequence[dispatch.AttemptBatch] = (), deltas: Sequence[event_pb2.Delta] = ()
    ) -> dispatch.StreamEventsResponse:
        self._batch_number += 1
        request = dispatch.StreamEventsRequest(
            session_id=self.session_id, batch_number=self._batch_number, batches=batches, deltas=deltas
        )
        async with asyncio.timeout(DEADLINE_S):
            await self.stream.write(request)
            answer = await self.stream.read()
        assert isinstance(answer, dispatch.StreamEventsResponse)
        assert answer.batch_number == self._batch_number
        return answer

    def last_sequence(self, ref: runner_pb2.AttemptRef) -> int:
        return self.last_sequences.get(ref.attempt_id, 0)

    async def lend(
        self, ref: runner_pb2.AttemptRef, *, refused_lent_id: str = "", repository: str = ""
    ) -> dispatch.LendCredentialResponse:
        request = dispatch.LendCredentialRequest(
            session_id=self.session_id, attempt=ref, refused_lent_id=refused_lent_id, repository=repository
        )
        return await self.stub.LendCredential(request, metadata=self.metadata, timeout=DEADLINE_S)

    async def finish(
        self,
        ref: runner_pb2.AttemptRef,
        phase: int = task_pb2.ATTEMPT_PHASE_SUCCEEDED,
        *,
        failure: int = 0,
        reason: str = "",
        last_sequence: int | None = None,
    ) -> runner_pb2.ItemResult:
        outcome = runner_pb2.AttemptOutcome(
            attempt=ref,
            phase=phase,  # type: ignore[arg-type]  # a number of the enum
            failure_reason=failure,  # type: ignore[arg-type]
            reason=reason,
            last_sequence=self.last_sequence(ref) if last_sequence is None else last_sequence,
        )
        request = dispatch.FinishAttemptsRequest(session_id=self.session_id, outcomes=[outcome])
        return (await self.stub.FinishAttempts(request, metadata=self.metadata, timeout=DEADLINE_S)).results[0]


def phase_event(phase: int) -> runner_pb2.AttemptEvent:
    change = event_pb2.AttemptPhaseChanged(phase=phase)  # type: ignore[arg-type]  # a number of the enum
    return runner_pb2.AttemptEvent(body=event_pb2.EventBody(attempt_phase_changed=change))


def inputs_event(assignment: runner_pb2.Assignment) -> runner_pb2.AttemptEvent:
    """The user's message that carries what the assignment brought."""
    event = message_event(task_pb2.ROLE_USER, b"[]")
    event.body.message_appended.input_ids.extend(each.input_id for each in assignment.inputs)
    return event


def message_event(role: int, content: bytes, usage: task_pb2.Usage | None = None) -> runner_pb2.AttemptEvent:
    message_id = IDS.new("msg")
    appended = event_pb2.MessageAppended(message_id=message_id, role=role, summary="...")  # type: ignore[arg-type]
    message = task_pb2.Message(
        message_id=message_id,
        role=role,  # type: ignore[arg-type]  # a number of the enum
        content=content,
        usage=usage,
        model="model" if usage else "",
    )
    return runner_pb2.AttemptEvent(body=event_pb2.EventBody(message_appended=appended), message=message)


def tool_events(call_id: str) -> tuple[runner_pb2.AttemptEvent, runner_pb2.AttemptEvent]:
    """A tool's start and end."""
    started = event_pb2.ToolCallStarted(tool_call_id=call_id, tool_name="shell", summary="ls")
    finished = event_pb2.ToolCallFinished(tool_call_id=call_id, tool_name="shell", summary="a b")
    call = task_pb2.ToolCall(tool_call_id=call_id, tool_name="shell", input=b'{"command": "ls"}')
    done = task_pb2.ToolCall(tool_call_id=call_id, tool_name="shell", input=b'{"command": "ls"}', output=b'"a b"')
    done.duration.FromMilliseconds(1500)
    return (
        runner_pb2.AttemptEvent(body=event_pb2.EventBody(tool_call_started=started), tool_call=call),
        runner_pb2.AttemptEvent(body=event_pb2.EventBody(tool_call_finished=finished), tool_call=done),
    )
