"""The page that a browser sees when its sign-in ended in a refusal."""

from html import escape

from fastapi.responses import HTMLResponse

from errand_common.errors import ErrandError
from errand_gateway.page.policy import PAGE_HEADERS

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>You are not signed in · Errand</title>
<link rel="icon" href="/page/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/page/base.css">
<link rel="stylesheet" href="/page/gate.css">
</head>
<body>
<main class="gate">
<h1>You are not signed in</h1>
<p class="notice bad" role="alert">{words}</p>
{again}<p><a class="button" href="/">Other ways to sign in</a></p>
</main>
</body>
</html>
"""

_AGAIN = '<p><a class="button primary" href="/auth/start?client=web">Sign in again</a></p>\n'


def refused_page(error: ErrandError, *, with_github: bool = True) -> HTMLResponse:
    """Why the sign-in ended, and how to try again."""
    page = _PAGE.format(words=escape(error.message), again=_AGAIN if with_github else "")
    return HTMLResponse(page, status_code=error.http_status, headers=dict(PAGE_HEADERS))
