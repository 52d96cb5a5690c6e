"""What to do with a reply: a pure decision. Content decides; the stop reason only forbids."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from errand_runner.agent.blocks import Block
from errand_runner.agent.exchange import Reply
from errand_runner.agent.facts import EndReason
from errand_runner.agent.transcript import ToolCall, calls_in

CUT_OFF = (
    "Not run: the reply was cut off at the output limit. Do it in smaller parts; write a large file in several steps."
)
GO_ON = "You were cut off at the output limit. Go on exactly where you stopped."
SAY_SOMETHING = (
    "Your last reply was empty. Go on with the work, or, if it is done, say in a few sentences what you did."
)


class Action(StrEnum):
    """What follows a reply."""

    RUN = "run"
    REFUSE_CALLS = "refuse_calls"
    SAY = "say"
    RESEND = "resend"
    END = "end"


# How often in a row an action may follow; running tools is bounded by the turn's requests alone.
_IN_A_ROW = {Action.REFUSE_CALLS: 3, Action.SAY: 3, Action.RESEND: 5}


@dataclass(frozen=True)
class Verdict:
    """What to keep of a reply (nothing, when `keep` is empty) and what to do next."""

    action: Action
    keep: Sequence[Block] = ()
    calls: Sequence[ToolCall] = ()
    text: str = ""
    reason: EndReason = EndReason.COMPLETED


@dataclass(frozen=True)
class Streak:
    """The latest action, and how often in a row it was taken."""

    action: Action | None = None
    length: int = 0

    def then(self, action: Action) -> "Streak":
        """Gives the streak after one more action."""
        return Streak(action, self.length + 1 if action is self.action else 1)


def judge(reply: Reply, streak: Streak) -> Verdict:
    """Decides on one reply; `streak` is what followed the replies before it, and bounds repetition."""
    verdict = _judge(reply, streak)
    limit = _IN_A_ROW.get(verdict.action)
    if limit is None or streak.then(verdict.action).length <= limit:
        return verdict
    words = (
        f"Claude stopped with {reply.stop_reason!r} {limit + 1} times in a row; send it on with an exacter instruction."
    )
    return Verdict(Action.END, text=words, reason=EndReason.MODEL_REQUEST)


def _judge(reply: Reply, streak: Streak) -> Verdict:
    keep = [block for block in reply.blocks if not _is_blank(block)]
    calls = calls_in(keep)
    text = "\n\n".join(str(block["text"]) for block in keep if block.get("type") == "text")
    match reply.stop_reason:
        case "refusal":
            category = f" ({reply.refusal})" if reply.refusal else ""
            return Verdict(Action.END, text=f"Claude declined to go on{category}.", reason=EndReason.MODEL_REFUSED)
        case "max_tokens" if calls:
            return Verdict(Action.REFUSE_CALLS, keep=keep, calls=calls)
        case "max_tokens" if text:
            return Verdict(Action.SAY, keep=keep, text=GO_ON)
    if calls:
        return Verdict(Action.RUN, keep=keep, calls=calls)
    if reply.stop_reason == "pause_turn" and keep:
        return Verdict(Action.RESEND, keep=keep)
    if text:
        return Verdict(Action.END, keep=keep, text=text)
    if streak.action is Action.SAY and reply.stop_reason != "max_tokens":
        return Verdict(Action.END, text="Claude stopped without a closing word.")
    return Verdict(Action.SAY, text=SAY_SOMETHING)


def cut_in_a_call(reply: Reply) -> bool:
    """Says whether the output limit ended a reply that asks for tools: its last call may lack a part of its input."""
    return reply.stop_reason == "max_tokens" and bool(calls_in(reply.blocks))


def overflowed(reply: Reply) -> bool:
    """Says whether a reply ended since the conversation, with it, no longer fits the model."""
    return reply.stop_reason == "model_context_window_exceeded"


def _is_blank(block: Block) -> bool:
    """Says whether a block is text without words: Claude sends them now and then, and its API refuses them."""
    return block.get("type") == "text" and not str(block.get("text", "")).strip()
