"""Asks in the background whether users may push, for the tasks that wait."""

import asyncio
from collections.abc import Callable

import structlog

from errand_common.errors import ErrandError
from errand_scheduler.access.rights import Answer, PushRights, Right
from errand_scheduler.lifecycle import deadlines, renames
from errand_scheduler.store import projects
from errand_scheduler.store.writer import Writer

log = structlog.get_logger()

_AT_ONCE = 8


class RightChecks:
    """Tells what is known, and has asked what is not. `on_answer` is called when something became known."""

    def __init__(self, rights: PushRights, writer: Writer, on_answer: Callable[[], None]) -> None:
        self._rights = rights
        self._writer = writer
        self._on_answer = on_answer
        self._asking: set[tuple[str, str]] = set()
        self._slots = asyncio.Semaphore(_AT_ONCE)

    def known(self, user_id: str, project_id: str) -> Answer | None:
        """What is known of a user and a project."""
        return self._rights.known(user_id, project_id)

    def wanted(self, user_id: str, project_id: str, group: asyncio.TaskGroup) -> Answer | None:
        """The same; what is not known is asked by a task of the group."""
        answer = self._rights.known(user_id, project_id)
        key = (user_id, project_id)
        if answer is None and key not in self._asking:
            self._asking.add(key)
            group.create_task(self._ask(*key))
        return answer

    async def _ask(self, user_id: str, project_id: str) -> None:
        try:
            async with self._slots:
                answer = await self._rights.ask(user_id, project_id)
            if answer.right is Right.NONE:
                await self._writer.write(lambda tx: deadlines.fail_pending(tx, project_id, reason=answer.words))
            if name := answer.new_name:
                await self._writer.write(lambda tx: renames.follow(tx, project_id, name))
            if branch := answer.new_default_branch:
                await self._writer.write(lambda tx: projects.set_default_branch(tx, project_id, branch))
            self._on_answer()
        except ErrandError as exc:
            log.warning("right_not_checked", project_id=project_id, error=exc.message)
        finally:
            self._asking.discard((user_id, project_id))
