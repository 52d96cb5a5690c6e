"""What tasks may spend and spent, in REST."""

from typing import Annotated

from pydantic import BaseModel, Field

from errand_gateway.rest.finish_models import Seconds
from errand_gateway.scheduler import allowance

_INT64 = 2**63 - 1
_LONGEST_S = 10**10


class AllowanceWish(BaseModel):
    """What a task may spend; what is 0 or left out has no limit."""

    cost_nanodollars: Annotated[
        int, Field(description="Money, in nano-dollars: 2000000000 is $2", ge=-_INT64, le=_INT64)
    ] = 0
    tokens: Annotated[int, Field(description="Tokens read and written", ge=-_INT64, le=_INT64)] = 0
    requests: Annotated[int, Field(description="Requests to the model", ge=-_INT64, le=_INT64)] = 0
    work_duration: Annotated[
        float, Field(description="Seconds that runners have it", ge=-_LONGEST_S, le=_LONGEST_S, allow_inf_nan=False)
    ] = 0

    def value(self) -> allowance.Allowance:
        """For the scheduler, which knows the bounds."""
        return allowance.Allowance(self.cost_nanodollars, self.tokens, self.requests, self.work_duration)


class Allowance(BaseModel):
    """What a task may spend, over all its attempts; 0: no limit."""

    cost_nanodollars: int
    tokens: int
    requests: int = Field(description="Requests to the model that it replied to, wholly or in part")
    work_duration: Seconds | None = Field(None, description="Seconds that runners have it; left out for no limit")


class DayMoney(BaseModel):
    """What all tasks of a person together may cost in a day (UTC), and did, in nano-dollars."""

    limit_nanodollars: int = Field(description="0: no limit")
    spent_nanodollars: int
    held_nanodollars: int = Field(description="Set aside for what tasks at work may spend next; the rest comes back")
    end_time: Annotated[str, Field(description="RFC 3339, UTC", json_schema_extra={"format": "date-time"})]


class Spent(BaseModel):
    """What a task spent of its allowance."""

    cost_nanodollars: int | None = Field(None, description="Left out where a price is unknown")
    tokens: int
    requests: int
    work_duration: Seconds | None = Field(None, description="That of an attempt that has it now is not in it")
