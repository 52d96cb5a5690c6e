"""What tests and the demonstration ask of the stand-in as its own process, and tell it to be."""

import hmac
import ipaddress
from typing import TYPE_CHECKING

from aiohttp import web

from tests.standins.github.faults import CONTROL

if TYPE_CHECKING:
    from tests.standins.github.server import GitHubStandin


class Control:
    """For callers on this machine who know the key; everyone else finds nothing here."""

    def __init__(self, github: "GitHubStandin", key: str) -> None:
        self._github = github
        self._key = key

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"{CONTROL}tokens", self.tokens),
            web.put(f"{CONTROL}tokens/{{login}}", self.new_token),
            web.get(f"{CONTROL}app-tokens", self.app_tokens),
            web.put(f"{CONTROL}apps/{{slug}}", self.new_app),
            web.put(f"{CONTROL}outage", self.outage),
            web.put(f"{CONTROL}death", self.death),
            web.put(f"{CONTROL}repositories/{{owner}}/{{name}}", self.repository),
            web.put(f"{CONTROL}repositories/{{owner}}/{{name}}/people/{{login}}", self.new_person),
            web.get(f"{CONTROL}repositories/{{owner}}/{{name}}/pulls", self.pulls),
            web.put(f"{CONTROL}repositories/{{owner}}/{{name}}/name", self.new_name),
        ]

    async def tokens(self, request: web.Request) -> web.Response:
        """Every token that was handed out."""
        self._admit(request)
        return web.json_response({"tokens": self._github.tokens_issued()})

    async def new_token(self, request: web.Request) -> web.Response:
        """A personal one."""
        self._admit(request)
        return web.json_response({"token": self._github.issue_token(request.match_info["login"])})

    async def app_tokens(self, request: web.Request) -> web.Response:
        """Those of installations that are good now."""
        self._admit(request)
        return web.json_response({"tokens": self._github.live_app_tokens()})

    async def new_app(self, request: web.Request) -> web.Response:
        """A GitHub App on `repository`: its id and its private key."""
        self._admit(request)
        slug = request.match_info["slug"]
        app_id, key = self._github.add_app(slug)
        self._github.install(slug, (await request.json())["repository"])
        return web.json_response({"id": app_id, "key": key})

    async def outage(self, request: web.Request) -> web.Response:
        """`on`, and in `only` what an address must hold to be answered with 502."""
        self._admit(request)
        wanted = await request.json()
        self._github.outage(wanted["on"], only=wanted.get("only", ""))
        return web.json_response({})

    async def death(self, request: web.Request) -> web.Response:
        """Which process is to be killed, at which call."""
        self._admit(request)
        wanted = await request.json()
        self._github.kill_at(wanted["pid"], only=wanted["only"], after=wanted["after"])
        return web.json_response({})

    async def repository(self, request: web.Request) -> web.Response:
        """A new one: `files` by path, `default_branch`, and `login` who may push to it."""
        self._admit(request)
        full_name = _full_name(request)
        wanted = await request.json()
        files = {path: text.encode() for path, text in wanted["files"].items()}
        await self._github.add_repository(full_name, files, default_branch=wanted["default_branch"])
        self._github.grant(wanted["login"], full_name, "push")
        return web.json_response({})

    async def new_person(self, request: web.Request) -> web.Response:
        """Somebody who may push to it, known by then or not."""
        self._admit(request)
        self._github.grant(request.match_info["login"], _full_name(request), "push")
        return web.json_response({})

    async def pulls(self, request: web.Request) -> web.Response:
        """Into which branches its pull requests go, who opened them, and what they say."""
        self._admit(request)
        pulls = self._github.pull_requests(_full_name(request))
        authors = [pull.author.login for pull in pulls]
        texts = [f"{pull.title}\n\n{pull.body or ''}" for pull in pulls]
        return web.json_response({"bases": [pull.base for pull in pulls], "authors": authors, "texts": texts})

    async def new_name(self, request: web.Request) -> web.Response:
        """The full name that a repository has from now on."""
        self._admit(request)
        self._github.rename_repository(_full_name(request), (await request.json())["repository"])
        return web.json_response({})

    def _admit(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._key.encode()) or not _is_local(request.remote):
            raise web.HTTPNotFound


def _full_name(request: web.Request) -> str:
    return f"{request.match_info['owner']}/{request.match_info['name']}"


def _is_local(address: str | None) -> bool:
    return address is not None and ipaddress.ip_address(address).is_loopback
