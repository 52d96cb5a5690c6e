"""What is lent goes where the owner said, and is shown nowhere."""

from errand.v1.dispatch_service_pb2 import LendSecretsResponse, LentSecret
from errand_runner.lent_secrets import LentSecrets, lent

RESPONSE = LendSecretsResponse(
    secrets=[
        LentSecret(name="FOR_SETUP", value="value-one", secret_id="sec_2"),
        LentSecret(name="MARKED", value="value-two", agent_may_read=True, secret_id="sec_1"),
    ]
)


def test_the_setup_script_gets_all_and_the_agent_what_is_marked() -> None:
    found = lent(RESPONSE)
    assert found.setup == {"FOR_SETUP": "value-one", "MARKED": "value-two"}
    assert found.agent == {"MARKED": "value-two"}
    assert found.version == "sec_1 sec_2"


def test_its_repr_tells_no_value() -> None:
    assert "value-" not in repr(lent(RESPONSE))


def test_a_project_without_secrets_has_none() -> None:
    assert lent(LendSecretsResponse()) == LentSecrets()
