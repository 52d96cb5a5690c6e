"""Which model is asked for, of a project and of a task."""

from typing import Annotated

from pydantic import BaseModel, Field

from errand_gateway.scheduler.model_choice import ModelChoice
from errand_gateway.text import Text


class ModelWish(BaseModel):
    """Which model is to work, and how it is asked."""

    model: Annotated[Text, Field(description="Such as claude-opus-5-5; empty: the runner's own")] = ""
    effort: Annotated[Text, Field(description="low, medium, high, xhigh or max; empty: the model's own measure")] = ""
    thinking_display: Annotated[Text, Field(description="summarized or omitted; empty: a summary")] = ""
    fallback_model: Annotated[
        Text, Field(description="Goes on, once, in a conversation begun anew, where the model declines; empty: none")
    ] = ""

    def plain(self) -> ModelChoice:
        """As the scheduler is asked."""
        return ModelChoice(self.model, self.effort, self.thinking_display, self.fallback_model)
