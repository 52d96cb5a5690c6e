"""Where a signed-in app may be sent back to."""

import re
from collections.abc import Collection, Mapping
from urllib.parse import urlencode

from errand_common.errors import Invalid

# RFC 8252, 7.3: a desktop app listens on a loopback address, on a port that it learns late. Names are left out:
# they can resolve elsewhere.
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\]):[1-9][0-9]{0,4}(/[A-Za-z0-9._~/-]*)?")


def check_redirect(redirect: str, *, client: str, allowed: Collection[str]) -> None:
    """Raises Invalid unless the app may be sent there: a listed address to the letter, or loopback for a desktop."""
    if redirect in allowed or (client == "desktop" and _LOOPBACK.fullmatch(redirect)):
        return
    raise Invalid(
        "redirect is not an address that this Errand sends apps to; its owner lists it in ERRAND_APP_REDIRECTS"
    )


def with_parameters(redirect: str, parameters: Mapping[str, str]) -> str:
    """The address with the parameters that have a value."""
    given = {name: value for name, value in parameters.items() if value}
    return f"{redirect}{'&' if '?' in redirect else '?'}{urlencode(given)}"
