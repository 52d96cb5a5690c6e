"""What Claude has to do, as the person sees it: each list stands for the one before, and only its events keep it."""

from errand_common.values import TodoState
from errand_runner.agent.redact import Redactor
from errand_runner.agent.tools.definitions import TodoInput
from errand_runner.agent.tools.outcome import Outcome, Todo


def written_down(given: TodoInput, redactor: Redactor) -> Outcome:
    """The list, for the person; and a word on it, for Claude."""
    items = [Todo(redactor.text(item.text), item.state) for item in given.items]
    done = sum(item.state is TodoState.DONE for item in items)
    words = f"Written down: {done} of {len(items)} done." if items else "The list is empty now."
    return Outcome(words, todo=items)
