"""Who may look alone sees everything, and no button that would be refused."""

import pytest
from playwright.async_api import expect

from errand.v1 import event_pb2, task_pb2

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_viewer_is_not_offered_what_would_be_refused(scripted, inside):
    scripted.scheduler.role = task_pb2.USER_ROLE_VIEWER
    scripted.stand(task_pb2.TASK_STATUS_RUNNING)
    page = inside.page
    await page.reload()
    create = page.get_by_role("link", name="New task")
    await expect(page.get_by_role("heading", name="Errand")).to_be_visible()
    await expect(create).to_be_hidden()
    scripted.happen(attempt_phase_changed=event_pb2.AttemptPhaseChanged(phase=task_pb2.ATTEMPT_PHASE_RUNNING))
    scripted.happen(
        message_appended=event_pb2.MessageAppended(message_id="msg_1", role=task_pb2.ROLE_ASSISTANT, summary="on it")
    )
    await scripted.opened(inside)
    for name in ("Stop", "Send"):
        await expect(page.get_by_role("button", name=name)).to_be_hidden()

    scripted.scheduler.role = task_pb2.USER_ROLE_MEMBER
    await page.reload()
    await expect(page.get_by_role("button", name="Stop")).to_be_visible()
