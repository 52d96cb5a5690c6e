"""What a page of ours may load."""

from collections.abc import Mapping

PAGE_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            # What Claude was shown is made an image of by a script of ours.
            "img-src 'self' blob:",
            # Takes in the WebSocket of the same host.
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            # Browsers that know this refuse markup that scripts make of text.
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )
}
"""For documents; files keep the rule for everything else, which is that they load nothing."""
