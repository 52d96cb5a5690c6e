"""What a task may still spend: whether Claude may be asked, how long the reply may be, and when the end is near."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR

from errand_runner.agent.blocks import Block
from errand_runner.agent.prices import NANODOLLARS_PER_TOKEN, Price

FLOOR_TOKENS = 1_000
"""A reply that must be shorter is of no use, and is not asked for."""

ALMOST_SPENT = "Most of what this task may spend is spent"

# Of a limit, in percent, from which on Claude and the person are told.
_LOW_PERCENT = 80


@dataclass(frozen=True)
class Amounts:
    """Nano-dollars, tokens, requests to Claude, seconds that runners have the task. As a limit 0 is none; a cost of
    None is unknown."""

    cost_nanodollars: int | None = 0
    tokens: int = 0
    requests: int = 0
    work_s: float = 0.0


@dataclass(frozen=True)
class Prospect:
    """A request that may be made: the most tokens that it has, how many the reply should be allowed, and the price of
    both, None where that is unknown."""

    model: str
    prompt_tokens: int
    reply_tokens: int
    price: Price | None

    def worst_nanodollars(self, reply_tokens: int) -> int:
        """What it costs at most where the reply has so many tokens: nothing of it is in the cache, all goes there."""
        assert self.price is not None, "a request without a price has no cost"
        return self.price.worst_nanodollars(prompt=self.prompt_tokens, output=reply_tokens)


@dataclass(frozen=True)
class Granted:
    """The request may be made, for a reply of so many tokens at most."""

    reply_tokens: int


@dataclass(frozen=True)
class Short:
    """It may not: these limits do not reach; `words` say so to the person. Where `resume_s` is given there is more
    after so many seconds, else once the person raises them."""

    words: str
    limits: Amounts
    resume_s: float | None = None


@dataclass(frozen=True)
class Never:
    """It may never, whatever is waited for, such as where nobody can say what it costs, and the money is limited."""

    words: str


NOTHING = Amounts()
"""Nothing spent; as limits: none."""


def decide(limits: Amounts, spent: Amounts, prospect: Prospect) -> Granted | Short | Never:
    """Grants as long a reply as the limits allow. What it may cost at worst is never more than what is left."""
    if limits.requests and spent.requests >= limits.requests:
        return Short(f"All {limits.requests:,} requests to Claude that this task may make are made.{_RAISE}", limits)
    if limits.work_s and spent.work_s >= limits.work_s:
        return Short(f"The {_span(limits.work_s)} that this task may take are over.{_RAISE}", limits)
    reply = prospect.reply_tokens
    if limits.tokens:
        reply = min(reply, limits.tokens - spent.tokens - prospect.prompt_tokens)
        if reply < floor(prospect):
            used = f"{spent.tokens:,} of the {limits.tokens:,} tokens that this task may use are used"
            return Short(f"{used}; the next request needs {prospect.prompt_tokens:,} or more.{_RAISE}", limits)
    if limits.cost_nanodollars:
        if prospect.price is None or spent.cost_nanodollars is None:
            return Never(unpriced(prospect.model))
        left = limits.cost_nanodollars - spent.cost_nanodollars
        reply = min(reply, affordable(prospect.price, left, prospect.prompt_tokens, most=reply))
        if reply < floor(prospect):
            used = f"{dollars(spent.cost_nanodollars)} of the {dollars(limits.cost_nanodollars)} are spent"
            least = dollars(prospect.worst_nanodollars(floor(prospect)))
            return Short(f"{used} that this task may cost; the next request may cost {least}.{_RAISE}", limits)
    return Granted(reply)


def low(limits: Amounts, spent: Amounts) -> str:
    """The limit of which most is spent, in words; empty while there is none."""
    pairs = (
        (spent.cost_nanodollars or 0, limits.cost_nanodollars or 0, dollars(limits.cost_nanodollars or 0)),
        (spent.tokens, limits.tokens, f"{limits.tokens:,} tokens"),
        (spent.requests, limits.requests, f"{limits.requests:,} requests"),
        (spent.work_s, limits.work_s, _span(limits.work_s)),
    )
    return next((words for used, limit, words in pairs if limit and used * 100 >= limit * _LOW_PERCENT), "")


def note(limit: str) -> str:
    """What Claude is told of a limit of which most is spent."""
    return (
        f"{ALMOST_SPENT}: four fifths of {limit} are gone. Bring what matters most to a good end, commit it, and say"
        " what is left to do. At the limit the work stops until the person raises it."
    )


def with_note(content: Sequence[Block], words: str) -> Sequence[Block]:
    """A message's content with a note, where there is one: behind the results, before what a person says."""
    if not words:
        return content
    place = sum(block.get("type") == "tool_result" for block in content)
    return [*content[:place], {"type": "text", "text": words}, *content[place:]]


def unpriced(model: str) -> str:
    """Why a model does not work under a limit on money."""
    return (
        f"What {model} costs is not known here, so a limit on money cannot be held with it. Choose a model whose price"
        " is known in the project's settings and send the task on; where it has begun with this one already, start a"
        " new task, with another model or without a limit on money."
    )


def dollars(nanodollars: int) -> str:
    """An amount of money for people."""
    amount = nanodollars / 1e9
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.4f}"


def affordable(price: Price, left_nanodollars: int, prompt_tokens: int, *, most: int) -> int:
    """The longest reply that this money is enough for; negative where it is not enough for the prompt."""
    left = left_nanodollars - price.worst_nanodollars(prompt=prompt_tokens, output=0)
    if left <= 0 or not price.output:
        return most if left >= 0 and not price.output else -1
    return int((left / (price.output * NANODOLLARS_PER_TOKEN)).to_integral_value(ROUND_FLOOR))


def floor(prospect: Prospect) -> int:
    """The shortest reply that is of use."""
    return min(FLOOR_TOKENS, prospect.reply_tokens)


_RAISE = " Raise the task's allowance, and the work goes on."


def _span(seconds: float) -> str:
    return f"{seconds / 60:,.0f} minutes" if seconds >= 120 else f"{seconds:,.0f} seconds"
