"""What the loop tells, in the contract's words."""

import json
from collections.abc import Sequence

from errand.v1 import event_pb2 as pb
from errand.v1 import task_pb2
from errand.v1.runner_pb2 import AttemptEvent
from errand_common import wire
from errand_common.values import Role, WaitReason, summarise
from errand_runner.agent import facts
from errand_runner.agent.prefix import Prefix
from errand_runner.broker.egress.ledger import Use

MOST_CHOICES = 10
CHOICE_BYTES = 200
"""What a wait may suggest as answers (contract: WaitStarted.choices)."""


def prefix_frozen(prefix: Prefix) -> AttemptEvent:
    """A conversation's fixed beginning: the document is for runners, the event for people."""
    body = pb.PrefixFrozen(
        model=prefix.model,
        effort=wire.number(task_pb2.Effort, prefix.effort or None),
        thinking_display=wire.number(task_pb2.ThinkingDisplay, prefix.thinking_display or None),
    )
    return AttemptEvent(body=pb.EventBody(prefix_frozen=body), prefix=prefix.to_bytes())


def model_changed(fact: facts.ModelChanged) -> AttemptEvent:
    """Another model goes on."""
    prefix = fact.prefix
    body = pb.ModelChanged(
        model=prefix.model,
        effort=wire.number(task_pb2.Effort, prefix.effort or None),
        thinking_display=wire.number(task_pb2.ThinkingDisplay, prefix.thinking_display or None),
        replaced_model=fact.replaced_model,
        reason=summarise(fact.reason),
    )
    return AttemptEvent(body=pb.EventBody(model_changed=body), prefix=prefix.to_bytes())


def message_appended(fact: facts.MessageAppended) -> AttemptEvent:
    """The transcript grew; with the message."""
    role = wire.number(task_pb2.Role, Role(fact.role))
    usage = None if fact.usage is None else _usage(fact.usage)
    appended = pb.MessageAppended(
        message_id=fact.message_id,
        role=role,
        summary=summarise(_text(fact.content)),
        usage=usage,
        input_ids=fact.input_ids,
    )
    message = task_pb2.Message(
        message_id=fact.message_id,
        role=role,
        content=fact.content,
        usage=usage,
        model=fact.model,
        stop_reason=fact.stop_reason,
    )
    return AttemptEvent(body=pb.EventBody(message_appended=appended), message=message)


def conversation_shortened(fact: facts.ConversationShortened) -> AttemptEvent:
    """A message took the place of others; with the message."""
    kept = fact.message
    usage = None if fact.usage is None else _usage(fact.usage)
    shortened = pb.ConversationShortened(
        message_id=kept.message_id, replaces_message_id=kept.replaces, summary=summarise(fact.summary), usage=usage
    )
    message = task_pb2.Message(
        message_id=kept.message_id,
        role=wire.number(task_pb2.Role, kept.role),
        content=kept.content,
        usage=usage,
        model=fact.model,
        stop_reason=fact.stop_reason,
        replaces_message_id=kept.replaces,
    )
    return AttemptEvent(body=pb.EventBody(conversation_shortened=shortened), message=message)


def reply_dropped(fact: facts.ReplyDropped) -> pb.EventBody:
    """Nothing of a reply is kept but its cost."""
    dropped = pb.ReplyDropped(
        message_id=fact.message_id,
        usage=_usage(fact.usage),
        model=fact.model,
        reason=summarise(fact.reason),
        summary=summarise(fact.said),
        is_estimate=fact.is_estimate,
    )
    return pb.EventBody(reply_dropped=dropped)


def egress_use(use: Use) -> pb.EgressUse:
    """Connections of a sandbox to a host."""
    return pb.EgressUse(
        host=use.host,
        outcome=wire.number(pb.EgressOutcome, use.outcome),
        connections=use.connections,
        sent_bytes=use.sent_bytes,
        received_bytes=use.received_bytes,
        duration=wire.duration(use.duration_s),
        reason=summarise(use.reason),
    )


def tool_started(fact: facts.ToolStarted) -> AttemptEvent:
    """A tool is about to run; with its input."""
    started = pb.ToolCallStarted(tool_call_id=fact.tool_use_id, tool_name=fact.name, summary=_input_summary(fact.input))
    call = task_pb2.ToolCall(tool_call_id=fact.tool_use_id, tool_name=fact.name, input=fact.input)
    return AttemptEvent(body=pb.EventBody(tool_call_started=started), tool_call=call)


def tool_finished(fact: facts.ToolFinished) -> AttemptEvent:
    """A tool ended; with its input and output."""
    duration = wire.duration(fact.duration_s)
    finished = pb.ToolCallFinished(
        tool_call_id=fact.tool_use_id,
        tool_name=fact.name,
        summary=summarise(_text(fact.output), tail=True),
        is_error=fact.is_error,
        duration=duration,
    )
    call = task_pb2.ToolCall(
        tool_call_id=fact.tool_use_id,
        tool_name=fact.name,
        input=fact.input,
        output=fact.output,
        is_error=fact.is_error,
        duration=duration,
    )
    return AttemptEvent(body=pb.EventBody(tool_call_finished=finished), tool_call=call)


def todo_changed(fact: facts.TodoChanged) -> pb.EventBody:
    """Claude's list for the person."""
    items = [pb.TodoItem(text=summarise(item.text), state=wire.number(pb.TodoState, item.state)) for item in fact.items]
    return pb.EventBody(todo_changed=pb.TodoChanged(tool_call_id=fact.tool_use_id, items=items))


def wait_started(
    reason: WaitReason, summary: str, *, tool_call_id: str, resume_s: float | None, choices: Sequence[str]
) -> pb.EventBody:
    """The attempt waits."""
    started = pb.WaitStarted(
        reason=wire.number(task_pb2.WaitReason, reason),
        summary=summarise(summary),
        tool_call_id=tool_call_id,
        resume_duration=wire.duration(resume_s),
        choices=[summarise(choice, limit_bytes=CHOICE_BYTES) for choice in choices[:MOST_CHOICES]],
    )
    return pb.EventBody(wait_started=started)


def _usage(usage: facts.Usage) -> task_pb2.Usage:
    return task_pb2.Usage(
        input_tokens=usage.input_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        output_tokens=usage.output_tokens,
        cost_nanodollars=usage.cost_nanodollars,
    )


def _text(content: bytes) -> str:
    """The words of a JSON string or of a list of content blocks."""
    value = json.loads(content)
    if isinstance(value, str):
        return value
    return "\n".join(block["text"] for block in value if block.get("type") == "text")


def _input_summary(input_json: bytes) -> str:
    """What a person wants to see of a tool's input: what it is about, else all of it."""
    value = json.loads(input_json)
    for key in ("command", "pattern", "path", "id"):
        if isinstance(value, dict) and isinstance(value.get(key), str):
            return summarise(value[key])
    return summarise(input_json.decode(errors="replace"))
