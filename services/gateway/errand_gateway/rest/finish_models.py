"""What REST answers of how the work of a task is judged."""

from typing import Annotated

from pydantic import BaseModel, Field

Seconds = Annotated[float, Field(description="Seconds")]


class Check(BaseModel):
    """A project's declared check, run on what a task pushed, in a sandbox that is cloned and set up anew."""

    script: str = Field(description="Run by bash in the clone; exit code 0 passes; empty for none")
    limit_duration: Seconds | None = None
