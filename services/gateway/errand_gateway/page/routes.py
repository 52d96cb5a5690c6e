"""The addresses of the built-in page."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from errand_gateway.page.files import File, read_files
from errand_gateway.page.policy import PAGE_HEADERS
from errand_gateway.problems import RESPONSES

# Kept by the browser, and asked for again each time: an update of the gateway is seen at the next visit.
_CACHING = "no-cache"


class PageRoutes:
    """The index at `/`, what it loads under `/page/`. No credential is asked: everything here is public."""

    def __init__(self) -> None:
        files = dict(read_files())
        self._index = files.pop("index.html")
        self._files = files

    def router(self) -> APIRouter:
        router = APIRouter(tags=["page"], responses=RESPONSES)
        router.add_api_route("/", self.index, response_class=HTMLResponse)
        router.add_api_route("/page/{path:path}", self.file, include_in_schema=False)
        return router

    async def index(self, request: Request) -> Response:
        """The page for people."""
        return _answer(request, self._index, PAGE_HEADERS)

    async def file(self, request: Request, path: str) -> Response:
        """A file that the page loads."""
        if path not in self._files:
            raise HTTPException(404)
        return _answer(request, self._files[path], {})


def _answer(request: Request, file: File, headers: Mapping[str, str]) -> Response:
    caching = {"ETag": file.etag, "Cache-Control": _CACHING}
    if file.etag in _known(request):
        return Response(status_code=304, headers={**headers, **caching})
    return Response(file.content, media_type=file.media_type, headers={**headers, **caching})


def _known(request: Request) -> list[str]:
    """The tags of what the browser has; a proxy that compresses marks them as weak."""
    tags = request.headers.get("if-none-match", "").split(",")
    return [tag.strip().removeprefix("W/") for tag in tags]
