"""What breaks a rule of the contract: whoever is asked so refuses, and nothing comes of it."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from errand.v1 import dispatch_service_pb2 as dispatch_pb
from errand.v1 import event_pb2, task_pb2
from errand.v1 import task_service_pb2 as pb
from errand.v1.runner_pb2 import AttemptEvent, AttemptOutcome, AttemptRef

_MESSAGE = event_pb2.MessageAppended(role=task_pb2.ROLE_USER)
_FINISHED = event_pb2.EventBody(tool_call_finished=event_pb2.ToolCallFinished(tool_call_id="cal_1", tool_name="bash"))
_BLOB = task_pb2.Blob(sha256="0" * 64, size_bytes=70_000)


def events(some_message_id: str) -> list[AttemptEvent]:
    """Of an attempt that has a bug. The message's id is one that is stored."""
    message = event_pb2.EventBody(message_appended=_MESSAGE)
    return [
        AttemptEvent(body=message),
        AttemptEvent(body=message, message=task_pb2.Message(message_id=some_message_id, role=task_pb2.ROLE_USER)),
        AttemptEvent(body=_FINISHED),
        AttemptEvent(
            body=_FINISHED,
            tool_call=task_pb2.ToolCall(tool_call_id="cal_1", tool_name="bash", output=b'"x"', output_blob=_BLOB),
        ),
        AttemptEvent(
            body=_FINISHED,
            tool_call=task_pb2.ToolCall(tool_call_id="cal_1", tool_name="bash", output=b"x" * (1024 * 1024 + 1)),
        ),
        AttemptEvent(body=event_pb2.EventBody(task_retried=event_pb2.TaskRetried())),
        AttemptEvent(body=event_pb2.EventBody(wait_started=event_pb2.WaitStarted(summary="for nothing"))),
        AttemptEvent(
            body=event_pb2.EventBody(
                attempt_phase_changed=event_pb2.AttemptPhaseChanged(phase=task_pb2.ATTEMPT_PHASE_SUCCEEDED)
            )
        ),
    ]


def calls_of_runner(session_id: str, attempt: AttemptRef) -> list[tuple[str, Any]]:
    """Method and request, or requests; of the attempt's runner."""
    other = AttemptRef(attempt_id=attempt.attempt_id, fence=attempt.fence + 1)
    content = b"x" * 70_000
    blob = task_pb2.Blob(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
    named: dict[str, Any] = {"session_id": session_id, "attempt": attempt}

    def put(*chunks: bytes, **first: Any) -> tuple[str, Any]:
        opening = dispatch_pb.PutBlobRequest(**{**named, "blob": blob, **first}, chunk=chunks[0])
        return "PutBlob", [opening, *(dispatch_pb.PutBlobRequest(chunk=chunk) for chunk in chunks[1:])]

    return [
        ("AcceptAttempts", dispatch_pb.AcceptAttemptsRequest(session_id=session_id, attempts=[attempt] * 101)),
        ("Heartbeat", dispatch_pb.HeartbeatRequest(session_id=session_id, attempts=[attempt] * 1001)),
        ("GetTranscript", dispatch_pb.GetTranscriptRequest(session_id=session_id, attempt=other)),
        ("OpenPullRequest", dispatch_pb.OpenPullRequestRequest(**named, title="", body="")),
        ("OpenPullRequest", dispatch_pb.OpenPullRequestRequest(**named, title="t", body="b" * 70_000)),
        ("OpenSession", dispatch_pb.OpenSessionRequest(nonce="")),
        ("OpenSession", dispatch_pb.OpenSessionRequest(nonce="n", slots=-1)),
        ("OpenSession", dispatch_pb.OpenSessionRequest(nonce="n", labels={"Not a label": "x"})),
        ("PutBlob", []),
        put(content, attempt=other),
        put(content, blob=task_pb2.Blob(sha256="not hexadecimal", size_bytes=1)),
        put(content, blob=task_pb2.Blob(sha256="0" * 64, size_bytes=0)),
        put(content + b"more"),
        put(content[:-1]),
        put(b"x" * (1024 * 1024 + 1), blob=task_pb2.Blob(sha256="1" * 64, size_bytes=2 * 1024 * 1024)),
    ]


async def ask(stub: Any, method: str, request: Any, metadata: Any) -> None:
    """Send it, and wait for what should not come."""
    call = getattr(stub, method)(iter(request) if isinstance(request, list) else request, metadata=metadata)
    if method == "GetTranscript":
        async for _ in call:
            return
    await call


def outcomes(attempt: AttemptRef) -> list[AttemptOutcome]:
    """Ends that are none: refused one by one, within an answer."""
    return [
        AttemptOutcome(attempt=attempt, phase=task_pb2.ATTEMPT_PHASE_RUNNING),
        AttemptOutcome(attempt=attempt, phase=task_pb2.ATTEMPT_PHASE_FAILED),
    ]


def end_before_the_end(attempt: AttemptRef) -> AttemptOutcome:
    """Taken, and nothing that the attempt tells after it."""
    failed: dict[str, Any] = {
        "phase": task_pb2.ATTEMPT_PHASE_FAILED,
        "failure_reason": task_pb2.FAILURE_REASON_INTERNAL,
    }
    return AttemptOutcome(attempt=attempt, reason="it is over, as it believes", **failed)


def calls_of_person(task_id: str) -> Sequence[tuple[str, Any]]:
    """Method and request; of the task's owner."""
    return [make(task_id) for make in _OF_PERSON]


_OF_PERSON: Sequence[Callable[[str], tuple[str, Any]]] = (
    lambda task_id: ("AddInput", pb.AddInputRequest(task_id=task_id, text="  ")),
    lambda task_id: ("AddInput", pb.AddInputRequest(task_id=task_id, text="x" * 66_000)),
    lambda task_id: ("AddInput", pb.AddInputRequest(task_id=task_id, text="x", request_id="r" * 129)),
    lambda task_id: ("AddInput", pb.AddInputRequest(task_id=task_id, text="x", kind=77)),  # type: ignore[arg-type]
    lambda task_id: ("GetTask", pb.GetTaskRequest(task_id="not an id")),
    lambda task_id: ("GetTask", pb.GetTaskRequest(task_id=f"tsk_{'0' * 26}")),
    lambda task_id: ("ExplainPending", pb.ExplainPendingRequest(task_id=f"tsk_{'0' * 26}")),
    lambda task_id: ("ListTasks", pb.ListTasksRequest(page_size=-1)),
    lambda task_id: ("ListTasks", pb.ListTasksRequest(page_token="not a token")),
    lambda task_id: ("ListTasks", pb.ListTasksRequest(page_token="bm8gcGxhY2U=")),
    lambda task_id: ("ListMessages", pb.ListMessagesRequest(task_id=task_id, page_token="bm8gbnVtYmVy")),
    lambda task_id: ("ListEvents", pb.ListEventsRequest(task_id=task_id, after_cursor="not a cursor")),
    lambda task_id: ("ListEvents", pb.ListEventsRequest(task_id=task_id, after_cursor="another.7")),
    lambda task_id: ("CreateTask", pb.CreateTaskRequest(project_id=f"prj_{'9' * 26}", prompt="x")),
    lambda task_id: ("EditInput", pb.EditInputRequest(input_id=f"inp_{'0' * 26}", text="x")),
)
