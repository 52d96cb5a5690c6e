"""What a phone does: sign in with GitHub, talk REST, follow the live socket."""

import base64
import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import httpx2
from websockets.asyncio.client import ClientConnection, connect

REDIRECT = "errand://signed-in"
HOPS = 10

Json = dict[str, Any]

FINAL = ("completed", "failed", "cancelled")


def is_final(message: Json) -> bool:
    """Whether a message of the live socket says that its task came to rest."""
    event = message.get("event", {})
    return event.get("kind") == "task_status_changed" and event["detail"]["status"] in FINAL


class Refused(Exception):
    """The gateway answered with a problem; `problem` is its body."""

    def __init__(self, status: int, problem: Json) -> None:
        super().__init__(f"{status} {problem.get('title')}: {problem.get('detail')}")
        self.status, self.problem = status, problem


@dataclass
class Phone:
    """A signed-in phone."""

    http: httpx2.AsyncClient
    gateway_url: str
    access_token: str = ""
    refresh_token: str = ""

    @classmethod
    @asynccontextmanager
    async def open(cls, gateway_url: str) -> AsyncIterator[Self]:
        """A phone that is not signed in yet."""
        # A connection that is not used the gateway closes after 5 s: it is not used for so long.
        limits = httpx2.Limits(keepalive_expiry=2.0)
        async with httpx2.AsyncClient(timeout=30.0, follow_redirects=False, limits=limits) as http:
            yield cls(http, gateway_url)

    async def sign_in(self) -> None:
        """The OAuth dance of RFC 8252: the app's own PKCE pair, the system browser's redirects, the one-time code."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        start = httpx2.URL(
            f"{self.gateway_url}/auth/start",
            params={
                "client": "mobile",
                "redirect": REDIRECT,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            },
        )
        code = await self._follow(start)
        await self._take_tokens(grant_type="authorization_code", code=code, code_verifier=verifier)

    async def sign_in_by_link(self, link: str) -> None:
        """Spend a one-time link, as the page does, and keep the session that its cookies hold. Raises Refused."""
        secret = link.rpartition("/#/link/")[2]
        origin = {"Origin": self.gateway_url}
        response = await self.http.post(f"{self.gateway_url}/auth/link", json={"secret": secret}, headers=origin)
        self._body(response)
        cookies = {name.rpartition("errand_")[2]: value for name, value in response.cookies.items()}
        self.access_token, self.refresh_token = cookies["session"], cookies["refresh"]
        self.http.cookies.clear()

    async def refresh(self) -> None:
        """Trade the refresh token for new tokens."""
        await self._take_tokens(grant_type="refresh_token", refresh_token=self.refresh_token)

    async def get(self, path: str, **params: str) -> Json:
        """GET a resource. Raises Refused."""
        return self._body(await self.http.get(self.gateway_url + path, params=params, headers=self._headers()))

    async def post(self, path: str, body: Json | None = None, *, key: str | None = None) -> Json:
        """POST with an idempotency key. Raises Refused."""
        headers = self._headers() | {"Idempotency-Key": key or secrets.token_hex(16)}
        return self._body(await self.http.post(self.gateway_url + path, json=body or {}, headers=headers))

    async def put(self, path: str, body: Json) -> Json:
        """PUT with an idempotency key. Raises Refused."""
        headers = self._headers() | {"Idempotency-Key": secrets.token_hex(16)}
        return self._body(await self.http.put(self.gateway_url + path, json=body, headers=headers))

    async def me(self) -> Json:
        """Who is signed in."""
        return dict((await self.get("/v1/me"))["user"])

    async def add_project(self, repository: str) -> Json:
        """Add `owner/name`, or find it added."""
        return dict((await self.post("/v1/projects", {"repository": repository}))["project"])

    async def update_project(self, project: Json, **settings: object) -> Json:
        """Change settings of a project; returns it with them."""
        path = f"{self.gateway_url}/v1/projects/{project['project_id']}"
        return dict(self._body(await self.http.patch(path, json=settings, headers=self._headers()))["project"])

    async def set_secret(self, project: Json, name: str, value: str, *, may_read: bool = False) -> Json:
        """Set or replace a secret of a project."""
        path = f"{self.gateway_url}/v1/projects/{project['project_id']}/secrets/{name}"
        body = {"value": value, "agent_may_read": may_read}
        return dict(self._body(await self.http.put(path, json=body, headers=self._headers()))["secret"])

    async def create_task(self, project: Json, prompt: str, *, key: str | None = None) -> Json:
        """Post a task."""
        body = {"project_id": project["project_id"], "prompt": prompt}
        return dict((await self.post("/v1/tasks", body, key=key))["task"])

    async def task(self, task: Json) -> Json:
        """A task as it stands now."""
        return dict((await self.get(f"/v1/tasks/{task['task_id']}"))["task"])

    async def add_input(self, task: Json, text: str) -> Json:
        """Send a task further; returns the task after it."""
        return dict((await self.post(f"/v1/tasks/{task['task_id']}/inputs", {"text": text}))["task"])

    async def steer(self, task: Json, text: str) -> Json:
        """Say something to Claude in mid-work; returns the input."""
        body = {"text": text, "kind": "steer"}
        return dict((await self.post(f"/v1/tasks/{task['task_id']}/inputs", body))["input"])

    async def answer(self, task: Json, text: str) -> Json:
        """Answer the question that a task waits for; returns the task after it."""
        body = {"text": text, "kind": "answer"}
        return dict((await self.post(f"/v1/tasks/{task['task_id']}/inputs", body))["task"])

    async def inputs(self, task: Json) -> list[Json]:
        """What was written and no message carries yet."""
        return list((await self.get(f"/v1/tasks/{task['task_id']}/inputs"))["inputs"])

    async def edit(self, item: Json, text: str) -> Json:
        """Say something else instead; returns the input."""
        url = f"{self.gateway_url}/v1/inputs/{item['input_id']}"
        return dict(self._body(await self.http.patch(url, json={"text": text}, headers=self._headers()))["input"])

    async def promote(self, item: Json) -> Json:
        """Have it said in mid-work; returns the input."""
        return dict((await self.post(f"/v1/inputs/{item['input_id']}/promote"))["input"])

    async def retry(self, task: Json) -> Json:
        """Send a task on as it is; returns it as it then stands."""
        return dict((await self.post(f"/v1/tasks/{task['task_id']}/retry"))["task"])

    async def stop(self, task: Json) -> Json:
        """Stop a task; returns it as it then stands."""
        return dict((await self.post(f"/v1/tasks/{task['task_id']}/stop"))["task"])

    async def messages(self, task: Json) -> list[Json]:
        """A task's transcript."""
        return await self.pages(f"/v1/tasks/{task['task_id']}/messages", "messages")

    async def tool_calls(self, task: Json) -> list[Json]:
        """A task's tool calls."""
        return await self.pages(f"/v1/tasks/{task['task_id']}/tool_calls", "tool_calls")

    @asynccontextmanager
    async def live(self, task: Json, *, cursor: str = "") -> AsyncIterator[AsyncIterator[Json]]:
        """The live socket, subscribed to one task from a cursor: everything that the gateway sends, as it comes."""
        async with self.socket() as socket:

            async def messages() -> AsyncIterator[Json]:
                async for message in socket:
                    yield json.loads(message)

            await socket.send(json.dumps({"type": "subscribe", "task_id": task["task_id"], "cursor": cursor}))
            yield messages()

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[ClientConnection]:
        """The live socket as it is."""
        url = self.gateway_url.replace("http", "ws", 1) + "/v1/live"
        headers = self._headers()
        async with connect(url, additional_headers=headers, max_size=4 * 1024 * 1024, close_timeout=1.0) as socket:
            yield socket

    async def pages(self, path: str, field: str) -> list[Json]:
        """All of a paged list."""
        items: list[Json] = []
        token = ""
        while True:
            page = await self.get(path, **({"page_token": token} if token else {}))
            items += page[field]
            token = page.get("next_page_token", "")
            if not token:
                return items

    async def events(self, task: Json) -> list[Json]:
        """All durable events of a task."""
        items: list[Json] = []
        while True:
            after = {"after_cursor": items[-1]["cursor"]} if items else {}
            page = await self.get(f"/v1/tasks/{task['task_id']}/events", **after)
            items += page["events"]
            if not page["has_more"]:
                return items

    async def _follow(self, url: httpx2.URL) -> str:
        """Follow redirects as a browser does, until one leads back into the app with the one-time code."""
        async with httpx2.AsyncClient(timeout=30.0, follow_redirects=False) as browser:
            for _ in range(HOPS):
                response = await browser.get(url)
                if not response.is_redirect:
                    raise Refused(response.status_code, {"title": "the sign-in stopped", "detail": response.text[:500]})
                url = url.join(response.headers["location"])
                if str(url).startswith(REDIRECT):
                    return _code(url)
        raise Refused(310, {"title": "the sign-in went in circles", "detail": f"{HOPS} redirects"})

    async def _take_tokens(self, **form: str) -> None:
        tokens = self._body(await self.http.post(f"{self.gateway_url}/auth/token", json=form))
        self.access_token, self.refresh_token = tokens["access_token"], tokens["refresh_token"]

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"} if self.access_token else {}

    def _body(self, response: httpx2.Response) -> Json:
        body: Json = response.json() if response.content else {}
        if response.status_code >= 400:
            raise Refused(response.status_code, body)
        return body


def _code(url: httpx2.URL) -> str:
    """The one-time code in the address that leads back into the app. Raises Refused with what stands in its place."""
    answer = {key: values[0] for key, values in parse_qs(urlsplit(str(url)).query).items()}
    if "code" not in answer:
        raise Refused(400, {"title": "the sign-in was refused", "detail": answer})
    return answer["code"]
