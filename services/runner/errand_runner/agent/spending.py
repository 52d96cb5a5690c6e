"""What a reply used, with its price of the day."""

from errand_runner.agent.agent import Agent
from errand_runner.agent.exchange import Begun, Reply
from errand_runner.agent.facts import Usage


def usage_of(agent: Agent, reply: Reply | Begun) -> Usage:
    """Prices a reply at today's price."""
    tokens = reply.tokens
    return Usage(
        input_tokens=tokens.input,
        cache_write_tokens=tokens.cache_write_5m + tokens.cache_write_1h,
        cache_read_tokens=tokens.cache_read,
        output_tokens=tokens.output,
        cost_nanodollars=agent.prices.cost_nanodollars(reply.model, tokens, day=agent.utcnow().date()),
    )
