"""The page on which a person lets an app in."""

from collections.abc import Iterable, Mapping
from html import escape


def consent_page(client_id: str, parameters: Mapping[str, str], logins: Iterable[str]) -> str:
    """A form that sends the request's parameters again, with who answered and how."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in parameters.items()
    )
    options = "".join(f"<option>{escape(login)}</option>" for login in logins)
    return (
        "<!doctype html><html lang='en'><meta name='viewport' content='width=device-width'>"
        f"<title>Authorize {escape(client_id)}</title><h1>Authorize {escape(client_id)}</h1>"
        f"<p>It asks for: {escape(parameters.get('scope') or 'public information')}</p>"
        f"<form method='post' action='/login/oauth/authorize'>{hidden}"
        f"<label>Signed in as <select name='login'>{options}</select></label> "
        "<button name='authorize' value='1'>Authorize</button> "
        "<button name='authorize' value='0'>Cancel</button></form></html>"
    )
