"""A message that takes the place of others names the first of them: one that the task has."""

from collections.abc import Sequence

from errand_common.errors import Invalid
from errand_scheduler.store import messages
from errand_scheduler.store.messages import Message
from errand_scheduler.store.transaction import Tx


def check_replaced(tx: Tx, task_id: str, added: Sequence[Message]) -> None:
    """Raises Invalid where a message is to take the place of one that is neither stored nor added before it: it would
    stand behind what it was made to shorten."""
    named = [message.replaces_message_id for message in added if message.replaces_message_id]
    if not named:
        return
    known = set(tx.all(messages.known_ids(task_id, named)))
    for message in added:
        if message.replaces_message_id and message.replaces_message_id not in known:
            raise Invalid(
                f"message {message.message_id} is to take the place of {message.replaces_message_id}, which is no"
                f" message of task {task_id}; name the first of those that it replaces"
            )
        known.add(message.message_id)
