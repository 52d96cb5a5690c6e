"""What a reply costs, by a dated list of prices."""

import re
from datetime import date
from decimal import ROUND_CEILING, Decimal
from importlib.resources import files
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, model_validator

from errand_runner.agent.exchange import Tokens

NANODOLLARS_PER_TOKEN = 1_000
"""Of a dollar per million tokens."""

# What a service appends to a model's name to say which of its days' it is; the price is the model's.
_DAY_OF_A_MODEL = re.compile(r"-\d{8}$")


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
        return int((dollars_per_million * NANODOLLARS_PER_TOKEN).to_integral_value(ROUND_CEILING))

    def worst_nanodollars(self, *, prompt: int, output: int) -> int:
        """What such a request costs at most: nothing of its prompt is read from the cache, and all of it goes there."""
        by_token = max(self.input, self.cache_write_5m) * prompt + self.output * output
        return int((by_token * NANODOLLARS_PER_TOKEN).to_integral_value(ROUND_CEILING))


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

    def price_of(self, prompt_tokens: int) -> Price:
        """Picks the tier."""
        if self.above_prompt_tokens is None or self.price_above is None or prompt_tokens <= self.above_prompt_tokens:
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
        price = self.price_of(model, prompt_tokens=tokens.prompt, day=day)
        return None if price is None else price.cost_nanodollars(tokens)

    def price_of(self, model: str, *, prompt_tokens: int, day: date) -> Price | None:
        """The price that a request with so long a prompt has on that day; None where none is known."""
        for name in (model, _DAY_OF_A_MODEL.sub("", model)):
            for entry in self._entries:
                if name in entry.models and entry.effective_from <= day:
                    return entry.price_of(prompt_tokens)
        return None
