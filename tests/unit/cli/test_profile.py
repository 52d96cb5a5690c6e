"""What errand login keeps, and what goes before it."""

from pathlib import Path

import pytest

from errand_cli import profile
from errand_cli.profile import Profile
from errand_common.errors import Invalid, Unauthenticated

CA = "-----BEGIN CERTIFICATE-----\nxyz\n-----END CERTIFICATE-----\n"
KEPT = Profile("errand.lan:9000", CA, "ers_kept")


def test_what_is_kept_is_its_owners_alone_also_in_the_place_of_an_open_one(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    place = profile.path(environ)
    place.parent.mkdir()
    place.write_text("{}")
    place.chmod(0o644)

    assert profile.save(KEPT, environ) == place

    assert place.stat().st_mode & 0o777 == 0o600
    assert profile.load(environ) == KEPT
    assert (profile.forget(environ), profile.forget(environ)) == (True, False)


def test_the_environment_goes_before_it(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    profile.save(KEPT, environ)

    assert profile.load({**environ, "ERRAND_TOKEN": "ers_mine"}) == Profile(KEPT.scheduler, CA, "ers_mine")


def test_each_of_several_is_kept_by_its_name(tmp_path: Path) -> None:
    usual = {"XDG_CONFIG_HOME": str(tmp_path)}
    work, other = {**usual, "ERRAND_PROFILE": "work"}, Profile("work.lan:9000", CA, "ers_work")
    profile.save(KEPT, usual)
    profile.save(other, work)

    assert (profile.load(usual), profile.load(work)) == (KEPT, other)
    with pytest.raises(Invalid, match="is no name"):
        profile.load({**usual, "ERRAND_PROFILE": "../work"})


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "ERRAND_TOKEN": "ers_mine"}

    with pytest.raises(Unauthenticated, match="run errand login, or set ERRAND_SCHEDULER, ERRAND_CA_FILE"):
        profile.load(environ)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("ERRAND_SCHEDULER", "errand.lan", "no address of a scheduler"),
        ("ERRAND_CA_FILE", "/nowhere/ca.pem", "cannot be read"),
        ("ERRAND_CA_FILE", "/dev/null", "holds no certificate"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(tmp_path: Path, variable: str, value: str, words: str) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path), variable: value}
    profile.save(KEPT, {"XDG_CONFIG_HOME": str(tmp_path)})

    with pytest.raises(Invalid, match=words):
        profile.load(environ)


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_damaged_one_says_what_to_do(tmp_path: Path, content: str) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    profile.path(environ).parent.mkdir()
    profile.path(environ).write_text(content)

    with pytest.raises(Invalid, match="run errand login again"):
        profile.load(environ)
