"""Which addresses an app may be sent back to."""

from yarl import URL

from tests.standins.github.accounts import Client

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def chosen_redirect(client: Client, asked: str) -> str | None:
    """The address to use: the one asked for if it is registered, the first registered one if none was asked for."""
    if not asked:
        return client.redirect_uris[0]
    return asked if any(_matches(URL(asked), URL(registered)) for registered in client.redirect_uris) else None


def _matches(asked: URL, registered: URL) -> bool:
    """Same scheme, host and port, and the same path or one below it; on a loopback host the port is free."""
    same_port = asked.port == registered.port or registered.host in _LOOPBACK
    same_place = (asked.scheme, asked.host) == (registered.scheme, registered.host) and same_port
    below = registered.path.rstrip("/") + "/"
    return same_place and (asked.path == registered.path or asked.path.startswith(below))
