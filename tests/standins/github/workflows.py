"""A workflow may be pushed by whoever has a right of their own for it: it runs with the repository's secrets."""

from collections.abc import Mapping
from pathlib import Path

from tests.standins.github.accounts import Token

HOOKS = Path(__file__).with_name("hooks")
"""They refuse what `refusal` says of a token, given as WORKFLOWS_REFUSED."""


def refusal(token: Token, behind: Mapping[str, str]) -> str:
    """Why a push that brings a workflow is refused, with %s in the place of its file; empty where it passes.

    `behind` are the permissions of the app that stands behind the token.
    """
    if token.scopes is not None:
        who, lacks = "an OAuth App", "`workflow` scope"
        allowed = "workflow" in token.scopes
    else:
        who, lacks = "a GitHub App", "`workflows` permission"
        allowed = behind.get("workflows") == "write"
    return "" if allowed else f"{who} is not allowed to create or change the workflow `%s` without {lacks}"
