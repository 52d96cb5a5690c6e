"""Which names and values a project's secret may have."""

import pytest

from errand_common.errors import Invalid
from errand_scheduler.access.secret_rules import check_name, check_room, check_value


@pytest.mark.parametrize("name", ["NPM_TOKEN", "A", "_PRIVATE", "DB2", "GITHUB_TOKEN", "SSH_PRIVATE_KEY", "N" * 128])
def test_names_of_ordinary_variables_do(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "npm_token", "2DB", "A-B", "A B", "A=B", "Ä", "A\n", "N" * 129])
def test_what_is_no_name_of_a_variable_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="environment variable"):
        check_name(name)


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("GIT_SSH_COMMAND", "git"),
        ("GIT_CONFIG_COUNT", "git"),
        ("SSH_ASKPASS", "git"),
        ("LD_PRELOAD", "the loader"),
        ("LD_LIBRARY_PATH", "the loader"),
        ("GLIBC_TUNABLES", "the loader"),
        ("HTTPS_PROXY", "the way to the network"),
        ("NO_PROXY", "the way to the network"),
        ("SSL_CERT_FILE", "the way to the network"),
        ("REQUESTS_CA_BUNDLE", "the way to the network"),
        ("NODE_EXTRA_CA_CERTS", "the way to the network"),
        ("PATH", "the shell"),
        ("BASH_ENV", "the shell"),
        ("ENV", "the shell"),
        ("_", "the shell"),
        ("PYTHONPATH", "Python"),
        ("HOME", "every command"),
        ("LC_ALL", "every command"),
        ("ERRAND_TOKEN", "Errand"),
    ],
)
def test_names_that_would_change_programs_are_refused_and_it_is_said_whose_they_are(name: str, whose: str) -> None:
    with pytest.raises(Invalid, match=f"belongs to {whose},"):
        check_name(name)


@pytest.mark.parametrize("value", ["12345678", "x" * 16_384, "-----BEGIN\nline\tline\n-----END\n", "schlüssel"])
def test_values_that_can_be_kept_out_of_text_do(value: str) -> None:
    assert check_value(value) == value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("1234567", "7 characters"),
        ("  123456\n  ", "6 characters"),
        ("", "0 characters"),
        ("x" * 16_385, "16385 bytes"),
        ("é" * 8_193, "16386 bytes"),
        ("secret-\0-value", "0x00"),
        ("secret\r\nvalue", "0x0d"),
        ("secret\x1b[0mvalue", "0x1b"),
    ],
)
def test_what_could_not_be_recognised_is_refused_without_repeating_it(value: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        check_value(value)
    assert not value.strip() or value.strip()[:6] not in refused.value.message


def test_a_project_has_room_for_so_many_and_so_much() -> None:
    check_room(49, 64 * 1024 - 8, "12345678")
    with pytest.raises(Invalid, match="50 secrets, which is the most"):
        check_room(50, 0, "12345678")
    with pytest.raises(Invalid, match="65537 bytes together"):
        check_room(1, 64 * 1024 - 7, "12345678")
