"""Before each request: whether the allowance is enough for it, and a wait where it is not."""

from collections.abc import AsyncGenerator

from errand_common.values import WaitReason
from errand_runner.agent.agent import Agent
from errand_runner.agent.allowance import Granted, Prospect, Unpriced
from errand_runner.agent.facts import EndReason, Fact, TurnEnded, Waiting, WaitOver
from errand_runner.agent.prompt_size import most_tokens
from errand_runner.agent.transcript import Transcript


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
        the person has to raise a limit, and parks after that."""
        agent = self._agent
        while True:
            answer = await agent.purse.grant(prospect(agent, self._transcript, reply_tokens=reply_tokens))
            if isinstance(answer, Granted):
                self.reply_tokens = answer.reply_tokens
                return
            if isinstance(answer, Unpriced):
                self.ending = TurnEnded(EndReason.ALLOWANCE, answer.words)
                return
            reason = WaitReason.ALLOWANCE if answer.resume_s is None else WaitReason.QUOTA
            yield Waiting(reason, answer.words, resume_s=answer.resume_s)
            if answer.resume_s is not None or not await agent.raised(answer.limits):
                self.ending = TurnEnded(EndReason.PARKED, answer.words)
                return
            yield WaitOver("")
