"""What a reply costs, by a dated list of prices."""

from datetime import date
from decimal import ROUND_CEILING, Decimal
from importlib.resources import files
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, model_validator

from errand_runner.agent.exchange import Tokens

# $1 per million tokens is 1,000 nano-dollars per token.
_NANODOLLARS_PER_TOKEN = 1_000


class Price(BaseModel):
    """Dollars per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Decimal
    output: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal
    cache_read: Decimal

    def cost_nanodollars(self, tokens: Tokens) -> int:
        """Prices one reply, rounded up to whole nano-dollars."""
        dollars_per_million = (
            self.input * tokens.input
            + self.output * tokens.output
            + self.cache_write_5m * tokens.cache_write_5m
            + self.cache_write_1h * tokens.cache_write_1h
            + self.cache_read * tokens.cache_read
        )
        return int((dollars_per_million * _NANODOLLARS_PER_TOKEN).to_integral_value(ROUND_CEILING))


class Entry(BaseModel):
    """One price of some models from one day on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: tuple[str, ...]
    effective_from: date
    price: Price
    above_prompt_tokens: int | None = None
    price_above: Price | None = None

    @model_validator(mode="after")
    def _tier_is_whole(self) -> Self:
        if (self.above_prompt_tokens is None) != (self.price_above is None):
            raise ValueError("above_prompt_tokens and price_above come together or not at all")
        return self

    def price_of(self, tokens: Tokens) -> Price:
        """Picks the tier."""
        if self.above_prompt_tokens is None or self.price_above is None or tokens.prompt <= self.above_prompt_tokens:
            return self.price
        return self.price_above


class PriceList:
    """All known prices."""

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        self._entries = sorted(entries, key=lambda entry: entry.effective_from, reverse=True)

    @classmethod
    def load(cls, document: str | None = None) -> "PriceList":
        """Reads a YAML list; without one, the list of this release. Raises ValueError when it is malformed."""
        document = document or files(__package__).joinpath("prices.yaml").read_text("utf-8")
        return cls(TypeAdapter(tuple[Entry, ...]).validate_python(yaml.safe_load(document)))

    def cost_nanodollars(self, model: str, tokens: Tokens, *, day: date) -> int | None:
        """Prices one reply; None when no price of that model is known for that day."""
        for entry in self._entries:
            if model in entry.models and entry.effective_from <= day:
                return entry.price_of(tokens).cost_nanodollars(tokens)
        return None
