"""The few pages that the gateway shows itself."""

from html import escape

from fastapi.responses import HTMLResponse

from errand_common.errors import ErrandError

_START = "/auth/start?client=web"


def refused_page(error: ErrandError) -> HTMLResponse:
    """Why the sign-in ended, and how to try again."""
    body = f"<p>{escape(error.message)}</p>\n<p><a href='{_START}'>Sign in again</a></p>"
    return _page("You are not signed in", body, status=error.http_status)


def front_page(*, signed_in: bool) -> HTMLResponse:
    """What is here."""
    state = "<p>You are signed in.</p>" if signed_in else f"<p><a href='{_START}'>Sign in with GitHub</a></p>"
    return _page("Errand", f"{state}\n<p>Programs find their way by <a href='/openapi.json'>/openapi.json</a>.</p>")


def _page(title: str, body: str, *, status: int = 200) -> HTMLResponse:
    return HTMLResponse(
        f"<!doctype html>\n<html lang='en'>\n<head><meta charset='utf-8'>"
        f"<meta name='viewport' content='width=device-width'><title>{title}</title></head>\n"
        f"<body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>\n",
        status_code=status,
    )
