"""A reply that is still coming: what it used so far, should it never come to its end."""

from dataclasses import replace

from errand_runner.agent.agent import Agent
from errand_runner.agent.exchange import Begun, Hidden, Piece
from errand_runner.agent.facts import ReplyDropped
from errand_runner.agent.leaving import Stopper
from errand_runner.agent.spending import usage_of

# Code and words of most languages have more characters to a token: the estimate is rather too high than too low.
_CHARACTERS_PER_TOKEN = 3
# Of its words so many are remembered, as people are shown them once more: an event's summary holds fewer.
_WORDS_CHARACTERS = 2_000


_WHY = {
    None: "the runner was interrupted while it came",
    Stopper.PERSON: "a person stopped the task while it came",
    Stopper.TIME: "the time for the turn was over while it came",
    Stopper.DRAIN: "its host was taken out of service while it came",
}


class Unfinished:
    """One try's at a reply, from the request to its last piece."""

    def __init__(self, agent: Agent, message_id: str) -> None:
        self._agent, self._message_id = agent, message_id
        self._begun: Begun | None = None
        self._characters = 0
        self._words = ""

    def take(self, piece: Begun | Piece | Hidden) -> None:
        """More of it."""
        match piece:
            case Begun():
                self._begun = piece
            case Hidden(characters):
                self._characters += characters
            case Piece(_, kind, text):
                self._characters += len(text)
                if kind == "text":
                    self._words += text[: _WORDS_CHARACTERS - len(self._words)]

    def leave(self) -> None:
        """The turn is closed or cancelled: what is known is left to be recorded."""
        stopper = self._agent.leaving.stopper()
        dropped = self.dropped(_WHY[stopper], shows_words=stopper is not None)
        if dropped is not None:
            self._agent.leaving.leave(dropped)

    def dropped(self, why: str, *, shows_words: bool = False) -> ReplyDropped | None:
        """What is told of it, as it broke off; None where nothing had begun. Its beginning told what was read; what was
        written since is estimated."""
        if self._begun is None:
            return None
        tokens = self._begun.tokens
        written = tokens.output + -(-self._characters // _CHARACTERS_PER_TOKEN)
        so_far = replace(self._begun, tokens=replace(tokens, output=written))
        return ReplyDropped(
            self._message_id,
            so_far.model,
            usage_of(self._agent, so_far),
            why,
            said=self._words.strip() if shows_words else "",
            is_estimate=True,
        )
