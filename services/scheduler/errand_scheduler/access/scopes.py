"""Which scopes there are, and which each role holds. `protos/errand/v1/options.proto` says what each is for."""

from collections.abc import Collection, Mapping

from errand_common import contract
from errand_common.values import UserRole

SCOPES = frozenset(contract.scopes().values())
"""All that the contract's methods ask for."""

SESSION_END = "session:end"
OF_PERSONS = frozenset({"tasks:read", "tasks:write", "account:read", "account:write"})
"""What belongs to a person: worth nothing to a token that acts for nobody."""
NOT_FOR_TOKENS = frozenset({SESSION_END, "dispatch", "join"})
"""A session's alone, a runner's, and that of a host which becomes one: their credentials name them."""
ADMIN = "access:admin"
"""Who holds it makes, sees and revokes everybody's tokens."""

_VIEWER = frozenset({"tasks:read", "account:read", SESSION_END})
_MEMBER = _VIEWER | {"tasks:write", "account:write", "tokens:read", "tokens:write"}
_OF_ADMINS = frozenset({"access:read", ADMIN, "fleet:read", "fleet:admin", "links:create"})

ROLE_SCOPES: Mapping[UserRole, frozenset[str]] = {
    UserRole.VIEWER: _VIEWER,
    UserRole.MEMBER: _MEMBER,
    UserRole.ADMIN: _MEMBER | _OF_ADMINS,
}
"""What a session of somebody with that role holds; a token that acts for them holds no more."""

OPERATOR = _OF_ADMINS | {"tokens:read", "tokens:write"}
"""What the credential of the scheduler's host holds: with it the first token and the first admin are made."""


def written(scopes: Collection[str]) -> str:
    """As they are stored and told: sorted, parted by spaces."""
    return " ".join(sorted(scopes))
