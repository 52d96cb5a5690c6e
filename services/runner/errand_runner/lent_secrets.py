"""A project's secrets as they are lent to one attempt: in memory, and nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from errand.v1.dispatch_service_pb2 import LendSecretsResponse


@dataclass(frozen=True)
class LentSecrets:
    """Environment variables, by who gets them: the setup script, which gets all, and what the model runs.

    `version` names what was lent and tells nothing of the values; empty where nothing was.
    """

    setup: Mapping[str, str] = field(default_factory=dict, repr=False)
    agent: Mapping[str, str] = field(default_factory=dict, repr=False)
    version: str = ""


def lent(response: LendSecretsResponse) -> LentSecrets:
    """What the scheduler lent."""
    return LentSecrets(
        setup={each.name: each.value for each in response.secrets},
        agent={each.name: each.value for each in response.secrets if each.agent_may_read},
        version=" ".join(sorted(each.secret_id for each in response.secrets)),
    )
