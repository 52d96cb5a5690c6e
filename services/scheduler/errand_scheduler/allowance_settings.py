"""The scheduler's settings for what tasks may spend."""

from decimal import Decimal

from pydantic import Field

from errand_common.config import Settings
from errand_scheduler.store.allowance import Allowance


class AllowanceSettings(Settings):
    """Read from the environment."""

    task_dollars: Decimal = Field(
        Decimal(0),
        alias="ERRAND_TASK_DOLLARS",
        description="how much money a task may cost unless its project, or who creates it, says else; 0: any amount",
        ge=0,
        le=1_000_000,
        examples=["5"],
    )
    task_tokens: int = Field(
        0,
        alias="ERRAND_TASK_TOKENS",
        description="how many tokens a task may use, likewise; 0: any number",
        ge=0,
        le=10**12,
        examples=["20000000"],
    )
    task_requests: int = Field(
        0,
        alias="ERRAND_TASK_REQUESTS",
        description="how often a task may ask the model, likewise; 0: any number",
        ge=0,
        le=10**6,
        examples=["500"],
    )
    task_minutes: int = Field(
        0,
        alias="ERRAND_TASK_MINUTES",
        description="how long runners may have a task, likewise; 0: any time",
        ge=0,
        le=365 * 24 * 60,
        examples=["240"],
    )

    user_dollars_per_day: Decimal = Field(
        Decimal(0),
        alias="ERRAND_USER_DOLLARS_PER_DAY",
        description="how much money all tasks of one person may cost in a day, which begins at midnight UTC; 0: any",
        ge=0,
        le=1_000_000,
        examples=["20"],
    )

    @property
    def day_nanodollars(self) -> int:
        """What all tasks of a person may cost in a day; 0: any amount."""
        return int(self.user_dollars_per_day * 10**9)

    @property
    def task_allowance(self) -> Allowance:
        """What a task may spend unless something else is said."""
        return Allowance(
            cost_nanodollars=int(self.task_dollars * 10**9),
            tokens=self.task_tokens,
            requests=self.task_requests,
            work_us=self.task_minutes * 60_000_000,
        )
