"""What a person uses at other git hosts, on a narrow phone."""

import pytest
from playwright.async_api import expect

from errand_common.errors import Invalid

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_it_is_brought_replaced_and_removed_and_its_secret_is_not_shown(scripted, inside):
    page = inside.page
    await page.locator("details.account summary").click()
    await page.get_by_role("link", name="Other git hosts").click()
    known, new = page.get_by_role("form", name="git.example.org"), page.get_by_role("form", name="other:3000")
    await expect(known.get_by_label("User name")).to_have_value("ada")
    await expect(known.get_by_label("Password or token")).to_have_value("")
    await new.get_by_label("User name").fill("lovelace")
    await new.get_by_label("Password or token").fill("s3cret")
    await new.get_by_role("button", name="Save").click()
    await expect(new.get_by_label("Password or token")).to_have_value("")
    async with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        await known.get_by_role("button", name="Remove").click()
    await expect(page.get_by_role("alert")).to_be_hidden()
    await inside.fits()

    (put,) = [call.request for call in scripted.scheduler.asked("PutGitCredential")]
    assert (put.host, put.username, put.password) == ("other:3000", "lovelace", "s3cret")
    assert put.request_id
    (removed,) = [call.request for call in scripted.scheduler.asked("RemoveGitCredential")]
    assert removed.host == "git.example.org"


async def test_a_refusal_is_told_and_nothing_typed_is_lost(scripted, inside):
    page = inside.page
    await page.goto(f"{scripted.gateway.url}/#/git")
    form = page.get_by_role("form", name="other:3000")
    scripted.scheduler.refusals["PutGitCredential"] = Invalid("username must not hold a colon")
    await form.get_by_label("User name").fill("a:b")
    await form.get_by_label("Password or token").fill("s3cret")
    await form.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_contain_text("must not hold a colon")
    await expect(form.get_by_label("User name")).to_have_value("a:b")
