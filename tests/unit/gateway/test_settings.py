"""Settings are checked at the start, and a wrong one is named."""

import socket
from pathlib import Path

import pytest

from errand_common.config import ConfigError, load
from errand_gateway.address import PublicAddress, bound_address, listen, public_address, write_address
from errand_gateway.config import GatewaySettings

_NEEDED = {"ERRAND_CA_FILE": "/ca.pem", "ERRAND_TOKEN_FILE": "/token"}
_APP = {"ERRAND_GITHUB_CLIENT_ID": "id", "ERRAND_GITHUB_CLIENT_SECRET": "the-secret"}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in GatewaySettings.model_fields.values():
        if field.alias:
            monkeypatch.delenv(field.alias, raising=False)
    for name, value in (_NEEDED | _APP).items():
        monkeypatch.setenv(name, value)


def test_what_is_not_set_has_a_good_default() -> None:
    settings = load(GatewaySettings)

    assert (settings.listen, settings.scheduler) == ("127.0.0.1:8080", "127.0.0.1:7443")
    assert settings.github_url == "https://github.com"
    assert settings.app_redirects == ("errand://signed-in",)
    assert settings.public_url is None


def test_app_redirects_are_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERRAND_APP_REDIRECTS", "errand://signed-in, https://app.example.org/cb")

    assert load(GatewaySettings).app_redirects == ("errand://signed-in", "https://app.example.org/cb")


@pytest.mark.parametrize("name", _NEEDED)
def test_a_missing_setting_is_named_with_an_example(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)

    with pytest.raises(ConfigError, match=rf"{name} is not set; for example {name}="):
        load(GatewaySettings)


def test_an_app_at_github_is_whole_or_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _APP:
        monkeypatch.delenv(name)
    assert load(GatewaySettings).github_client_id is None
    for name, other in (list(_APP), list(reversed(_APP))):
        monkeypatch.setenv(name, _APP[name])
        with pytest.raises(ConfigError, match=rf"{name} is set and {other} is not; set both .* for example") as wrong:
            load(GatewaySettings)
        assert "the-secret" not in str(wrong.value)
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ERRAND_LISTEN", "8080"),
        ("ERRAND_LISTEN", "127.0.0.1:http"),
        ("ERRAND_LISTEN", "127.0.0.1:65536"),
        ("ERRAND_PUBLIC_URL", "errand.example.org"),
        ("ERRAND_PUBLIC_URL", "https://"),
        ("ERRAND_PUBLIC_URL", "https://errand.example.org/errand"),
        ("ERRAND_PUBLIC_URL", "https://errand.example.org:port"),
        ("ERRAND_GITHUB_URL", "ftp://github.com"),
        ("ERRAND_APP_REDIRECTS", "signed-in"),
        ("ERRAND_APP_REDIRECTS", "errand://signed-in#here"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigError, match=name):
        load(GatewaySettings)


def test_the_secret_does_not_show_in_the_settings() -> None:
    assert "the-secret" not in repr(load(GatewaySettings))


def test_a_free_port_is_told_by_file(tmp_path: Path) -> None:
    with listen("127.0.0.1:0") as listener:
        address = bound_address(listener)
        write_address(tmp_path / "address", address)

    assert (tmp_path / "address").read_text() == f"{address}\n"
    assert int(address.rpartition(":")[2]) > 0


def test_what_is_sent_waits_for_no_acknowledgement() -> None:
    with listen("127.0.0.1:0") as listener, socket.create_connection(listener.getsockname()):
        taken, _ = listener.accept()
        with taken:
            assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_address_that_is_not_set_is_one_that_works_here() -> None:
    assert public_address(None, "0.0.0.0:8080").url == "http://127.0.0.1:8080"
    assert public_address(None, "192.0.2.7:8080").url == "http://192.0.2.7:8080"
    assert public_address("https://errand.example.org", "0.0.0.0:8080").url == "https://errand.example.org"


def test_the_origin_is_scheme_and_host() -> None:
    assert PublicAddress("https://Errand.example.org:8443").origin == "https://errand.example.org:8443"
