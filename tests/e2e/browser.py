"""A phone's browser for the tests of the page, and what such a test asks of every view."""

import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Playwright,
    async_playwright,
    expect,
)

from tests.demo.stack import ROOT

WIDTH_PX = 360
THUMB_PX = 44
WAIT_MS = 30_000

expect.set_options(timeout=WAIT_MS)

# As root a Chromium starts only without its own sandbox; what it opens is ours alone.
_ARGUMENTS = ["--no-sandbox"]
_EXPECTED = re.compile(r"Failed to load resource|WebSocket connection to .* failed|ERR_CONNECTION_REFUSED")

_TOO_SMALL = """least => {
    const reach = node => node.matches("input, textarea, button, a, summary, [role=option]");
    const small = [...document.querySelectorAll("*")].filter(reach).map(node => [node, node.getBoundingClientRect()])
        .filter(([, box]) => box.width && box.height && (box.width < least || box.height < least));
    return small.map(([node, box]) => `${node.outerHTML.slice(0, 120)} is ${box.width} x ${box.height}`);
}"""


@dataclass
class PhoneBrowser:
    """A narrow phone with a page open. `complaints`: errors that escaped in the page, and what its policy stopped."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Hear what the browser complains of; refusals that a test provokes are not the page's fault."""
        self.page.on("pageerror", self._broke)
        self.page.on("console", self._said)

    async def carry(self, url: str, access_token: str) -> None:
        """Take up a session that was made elsewhere, and open the page."""
        await self.page.context.add_cookies([{"name": "errand_session", "value": access_token, "url": url}])
        await self.page.goto(url)

    async def fits(self) -> None:
        """Nothing has to be scrolled sideways, and everything that is tapped is as large as a thumb."""
        assert await self.page.evaluate("document.documentElement.scrollWidth") <= WIDTH_PX
        assert await self.page.evaluate(_TOO_SMALL, THUMB_PX) == []

    def _broke(self, error: Error) -> None:
        self.complaints.append(str(error))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not _EXPECTED.search(message.text):
            self.complaints.append(message.text)


def executable() -> str:
    """The Chromium of this machine; `scripts/browser` sees to one."""
    found = subprocess.run([ROOT / "scripts" / "browser", "--path"], check=True, capture_output=True, text=True)
    return found.stdout.strip()


@asynccontextmanager
async def open_chromium() -> AsyncIterator[tuple[Playwright, Browser]]:
    """A headless Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable(), args=_ARGUMENTS)
        yield playwright, browser
        await browser.close()


@asynccontextmanager
async def open_phone(playwright: Playwright, browser: Browser) -> AsyncIterator[PhoneBrowser]:
    """A phone whose browser knows nothing yet. On leaving, the page must have had nothing to complain of."""
    preset = {**playwright.devices["Pixel 7"], "viewport": {"width": WIDTH_PX, "height": 740}}
    context = await browser.new_context(**preset)
    async with _watched(context) as phone:
        yield phone


@asynccontextmanager
async def open_phone_without_cookies(playwright: Playwright, folder: Path) -> AsyncIterator[PhoneBrowser]:
    """A browser whose owner has forbidden cookies."""
    preferences = folder / "Default" / "Preferences"
    preferences.parent.mkdir(parents=True)
    preferences.write_text('{"profile": {"default_content_setting_values": {"cookies": 2}}}')
    context = await playwright.chromium.launch_persistent_context(
        folder, executable_path=executable(), args=_ARGUMENTS, viewport={"width": WIDTH_PX, "height": 740}
    )
    async with _watched(context) as phone:
        yield phone


@asynccontextmanager
async def _watched(context: BrowserContext) -> AsyncIterator[PhoneBrowser]:
    context.set_default_timeout(WAIT_MS)
    phone = PhoneBrowser(await context.new_page())
    phone.listen()
    try:
        yield phone
    finally:
        await context.close()
    assert phone.complaints == []
