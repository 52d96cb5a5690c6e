"""What an app and a browser do to sign in."""

import base64
import hashlib
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx2

VERIFIER = "an-apps-verifier-of-at-least-43-characters-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
APP_REDIRECT = "errand://signed-in"


@dataclass(frozen=True)
class Arrival:
    """Where a person's browser ended up."""

    base: str
    parameters: dict[str, str]


def app_start(**changes: str) -> dict[str, str]:
    """The parameters with which a phone begins."""
    return {"client": "mobile", "code_challenge": CHALLENGE, "redirect": APP_REDIRECT, **changes}


async def to_callback(browser: httpx2.AsyncClient, /, **start: str) -> str:
    """Begin, consent at GitHub, and stop before the gateway's callback: its address."""
    begun = await browser.get("/auth/start", params=start)
    assert begun.status_code == 303, begun.text
    consented = await browser.get(begun.headers["location"])
    assert consented.status_code == 302, consented.text
    return consented.headers["location"]


async def app_arrival(browser: httpx2.AsyncClient, /, **changes: str) -> Arrival:
    """The whole way of a phone, up to the address that opens the app again."""
    answer = await browser.get(await to_callback(browser, **app_start(**changes)))
    return arrival(answer)


def arrival(answer: httpx2.Response) -> Arrival:
    """Where a redirect leads."""
    assert answer.status_code == 303, answer.text
    parts = urlsplit(answer.headers["location"])
    parameters = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return Arrival(answer.headers["location"].partition("?")[0], parameters)


async def redeem(app: httpx2.AsyncClient, code: str, verifier: str = VERIFIER, /, **more: str) -> httpx2.Response:
    """Fetch the session."""
    body = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier, **more}
    return await app.post("/auth/token", json=body)
