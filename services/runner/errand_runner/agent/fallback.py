"""Another model goes on where the first declines: once in a task, with a note of what was said in its place."""

from collections.abc import AsyncGenerator

from errand_common.values import Role
from errand_runner.agent.agent import Agent
from errand_runner.agent.blocks import encode
from errand_runner.agent.choice import prefix_for
from errand_runner.agent.facts import ConversationShortened, Fact, ModelChanged
from errand_runner.agent.handoff import take_over
from errand_runner.agent.room import look
from errand_runner.agent.transcript import Message, Transcript


def may_fall_back(agent: Agent, transcript: Transcript) -> bool:
    """Whether there is another model that did not decline yet: the one that does is on record."""
    return agent.fallback_model not in ("", transcript.prefix.model)


async def fall_back(agent: Agent, transcript: Transcript, *, why: str) -> AsyncGenerator[Fact]:
    """Begins anew with the other model. The note comes first: a runner that dies between the two facts has the first
    model read the note, which is a conversation that it can go on with; the second could not with the first one's."""
    before = transcript.prefix
    content = take_over(transcript.messages, await look(agent))
    note = Message(agent.new_id("msg"), Role.USER, encode(content), replaces=transcript.messages[0].message_id)
    transcript.append(note)
    transcript.used_tokens = 0
    yield ConversationShortened(note, f"{before.model} declined; the work goes on from a note of what is left of it.")
    transcript.prefix = await prefix_for(agent.model, agent.fallback_model, before)
    yield ModelChanged(transcript.prefix, before.model, why)
