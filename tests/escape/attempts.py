"""All attempts, by group."""

from tests.escape.credentials import CREDENTIALS
from tests.escape.egress import EGRESS
from tests.escape.exhaustion import EXHAUSTION
from tests.escape.host import HOST_WALLS
from tests.escape.neighbours import NEIGHBOURS
from tests.escape.privilege import PRIVILEGE
from tests.escape.pushing import PUSHING
from tests.escape.repositories import REPOSITORIES
from tests.escape.setup_secrets import SETUP_SECRETS
from tests.escape.tampering import TAMPERING

ATTEMPTS = (
    *CREDENTIALS,
    *HOST_WALLS,
    *EGRESS,
    *NEIGHBOURS,
    *PRIVILEGE,
    *SETUP_SECRETS,
    *TAMPERING,
    *EXHAUSTION,
    *PUSHING,
    *REPOSITORIES,
)
