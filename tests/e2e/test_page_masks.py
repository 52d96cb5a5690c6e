"""What has the shape of a token is masked on the page, wherever it came from, and is stored as it is."""

import pytest
from playwright.async_api import expect

from errand.v1 import event_pb2 as pb

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "ghp_" + "a1B2" * 9


async def test_tokens_are_masked_in_words_and_output_also_while_they_come(page, scripted):
    scripted.murmur("msg_1", f"I found {TOKEN[:12]}")
    scripted.murmur("msg_1", f"{TOKEN[12:]} there. And `{TOKEN}`.")
    words = page.get_by_role("article", name="Claude")
    await expect(words).to_have_text("I found [masked] there. And [masked].")

    started = pb.ToolCallStarted(tool_call_id="toolu_1", tool_name="bash", summary=f"echo {TOKEN}")
    scripted.happen(tool_call_started=started)
    scripted.murmur("toolu_1", f"said {TOKEN}\n", pb.DELTA_KIND_OUTPUT)
    tool = page.get_by_role("article", name="Tool bash")
    await expect(tool.locator(".command")).to_have_text("$ echo [masked]")
    await expect(tool.locator(".tail")).to_have_text("said [masked]")
    assert TOKEN[12:] not in await page.content()
