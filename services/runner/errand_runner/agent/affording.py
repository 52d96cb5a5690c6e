"""Before each request: whether the allowance is enough for it, and a wait where it is not."""

from collections.abc import AsyncGenerator

from errand_common.values import WaitReason
from errand_runner.agent.agent import Agent
from errand_runner.agent.allowance import Granted, Never, Prospect, Short
from errand_runner.agent.facts import EndReason, Fact, TurnEnded, Waiting, WaitOver
from errand_runner.agent.prompt_size import most_tokens
from errand_runner.agent.transcript import Transcript

_LOOK_S = 15.0
"""Between two looks at the person's day: what other tasks do not need comes back with their replies."""


def prospect(agent: Agent, transcript: Transcript, *, reply_tokens: int) -> Prospect:
    """The next request of a conversation, at its worst."""
    model, tokens = transcript.prefix.model, most_tokens(transcript)
    price = agent.prices.price_of(model, prompt_tokens=tokens, day=agent.utcnow().date())
    return Prospect(model, tokens, reply_tokens, price)


class Affording:
    """One turn's. `reply_tokens` is what was granted last; `ending` is set where nothing is."""

    def __init__(self, agent: Agent, transcript: Transcript) -> None:
        self._agent, self._transcript = agent, transcript
        self.reply_tokens = 0
        self.ending: TurnEnded | None = None

    async def ask(self, reply_tokens: int) -> AsyncGenerator[Fact]:
        """Has the next request granted, for a reply of so many tokens or fewer. Waits while the sandbox is kept where
        the person has to raise a limit, or the person's day has to have more money, and parks after that."""
        agent = self._agent
        while True:
            answer = await agent.purse.grant(prospect(agent, self._transcript, reply_tokens=reply_tokens))
            if isinstance(answer, Granted):
                self.reply_tokens = answer.reply_tokens
                return
            if isinstance(answer, Never):
                self.ending = TurnEnded(EndReason.ALLOWANCE, answer.words)
                return
            yield Waiting(WaitReason.ALLOWANCE, answer.words, resume_s=answer.resume_s)
            if not await self._changed(answer, reply_tokens):
                self.ending = TurnEnded(EndReason.PARKED, answer.words)
                return
            yield WaitOver("")

    async def _changed(self, short: Short, reply_tokens: int) -> bool:
        """Whether, in time, there is something else to say. What comes by itself is looked for again and again."""
        agent = self._agent
        if short.resume_s is None:
            return await agent.raised(short.limits)
        until_s = agent.now_s() + agent.longest_delay_s
        while (left_s := until_s - agent.now_s()) > 0:
            await agent.sleep(min(_LOOK_S, left_s, short.resume_s))
            answer = await agent.purse.grant(prospect(agent, self._transcript, reply_tokens=reply_tokens))
            if not isinstance(answer, Short) or answer.resume_s is None:
                return True
        return False
