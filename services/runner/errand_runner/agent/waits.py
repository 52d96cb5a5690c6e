"""What a turn waits for: a person's answer, or more than is worth a slot."""

from pydantic import ValidationError

from errand_common.values import WaitReason
from errand_runner.agent.facts import ModelDelayed, TurnEnded, Waiting
from errand_runner.agent.tools.definitions import ASK_USER, AskUserInput
from errand_runner.agent.transcript import ToolCall


def question_in(call: ToolCall) -> AskUserInput | None:
    """What the call asks the person; None where it asks nothing, or not in the tool's form (the toolbox says so)."""
    if call.name != ASK_USER:
        return None
    try:
        return AskUserInput.model_validate(call.input)
    except ValidationError:
        return None


def wait_for(follows: ModelDelayed | TurnEnded, *, longest_s: float) -> Waiting | None:
    """What is waited for without a slot: the person, or a delay that is too long to be sat out."""
    if isinstance(follows, TurnEnded):
        return Waiting(WaitReason.ALLOWANCE, follows.text)
    if follows.delay_s > longest_s:
        return Waiting(WaitReason.QUOTA, follows.cause, resume_s=follows.delay_s)
    return None
