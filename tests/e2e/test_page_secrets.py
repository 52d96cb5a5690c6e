"""The secrets of a project, on a narrow phone."""

import pytest
from playwright.async_api import expect

from errand.v1 import account_service_pb2 as accounts
from errand_common.errors import Invalid
from tests.e2e.test_page_project import settings

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_one_is_set_and_removed_and_its_value_is_seen_no_more(scripted, inside):
    page = await settings(inside)
    secrets = page.get_by_role("region", name="Secrets")
    await expect(secrets).to_contain_text("Claude can use it, read it, and pass it on")
    await expect(secrets.get_by_role("button", name="Set secret")).to_be_disabled()
    await secrets.get_by_label("Name").fill("NPM_TOKEN")
    await secrets.get_by_label("Value").fill("two\nhushed-lines\n")
    await secrets.get_by_role("button", name="Set secret").click()
    await expect(secrets.get_by_role("status")).to_have_text("NPM_TOKEN is set.")
    await expect(secrets.get_by_role("listitem")).to_contain_text("the setup script alone")
    await expect(secrets.get_by_label("Value")).to_have_value("")
    assert "hushed-lines" not in await page.content()

    await secrets.get_by_label("Name").fill("DB_KEY")
    await secrets.get_by_label("Value").fill("another-value")
    await secrets.get_by_label("The agent may read it").check()
    await secrets.get_by_role("button", name="Set secret").click()
    await expect(secrets.get_by_role("listitem")).to_contain_text(["DB_KEY", "NPM_TOKEN"])
    await expect(secrets.get_by_role("listitem").first).to_contain_text("and the agent may read it")
    await expect(secrets.get_by_label("The agent may read it")).not_to_be_checked()
    await inside.fits()
    await secrets.get_by_role("button", name="Remove DB_KEY").click()
    await expect(secrets.get_by_role("listitem")).to_have_count(1)

    first, second = [call.request for call in scripted.scheduler.asked("SetProjectSecret")]
    assert (first.name, first.value, first.agent_may_read) == ("NPM_TOKEN", "two\nhushed-lines\n", False)
    assert (second.name, second.value, second.agent_may_read) == ("DB_KEY", "another-value", True)
    assert "" != first.request_id != second.request_id


async def test_a_refusal_is_told_and_nothing_typed_is_lost(scripted, inside):
    scripted.scheduler.secrets["OLD"] = accounts.ProjectSecret(name="OLD")
    page = await settings(inside)
    secrets = page.get_by_role("region", name="Secrets")
    scripted.scheduler.refusals["SetProjectSecret"] = Invalid("the name PATH belongs to the shell")
    await secrets.get_by_label("Name").fill("PATH")
    await secrets.get_by_label("Value").fill("/tmp/elsewhere")
    await secrets.get_by_role("button", name="Set secret").click()
    await expect(secrets.get_by_role("alert")).to_have_text("the name PATH belongs to the shell")
    await expect(secrets.get_by_label("Value")).to_have_value("/tmp/elsewhere")
    await expect(secrets.get_by_role("listitem")).to_have_count(1)
