"""What a task may spend, as rows hold it."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Allowance:
    """Nano-dollars, tokens, requests to the model, and microseconds that attempts have the task; 0: no limit."""

    cost_nanodollars: int = 0
    tokens: int = 0
    requests: int = 0
    work_us: int = 0


NO_LIMIT = Allowance()


def to_text(allowance: Allowance) -> str:
    """As the column has it."""
    return json.dumps({name: limit for name, limit in asdict(allowance).items() if limit})


def from_text(text: str) -> Allowance:
    """What `to_text` wrote."""
    return NO_LIMIT if text == "{}" else Allowance(**json.loads(text))
