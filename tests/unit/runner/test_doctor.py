"""What `errand-runner doctor` prints, and what it sees of a host from outside."""

from pathlib import Path

import pytest

from errand_runner.doctor import probe
from errand_runner.doctor.findings import Finding, Verdict, table
from errand_runner.doctor.outside import outside
from errand_runner.doctor.walls import INSIDE, Wall
from errand_runner.sandbox.docker import EngineFacts
from errand_runner.sandbox.limits import Limits

GIB = 1 << 30
FACTS = EngineFacts("20.10.24", Path("/var/lib/docker"), 2, 4 * GIB, "2", ("runc",), "runc", ("seccomp", "apparmor"))
WALL = Wall("network", "see a network", "a task could reach other machines; mend it")


def seen(data, facts=FACTS, slots=2):
    return {each.name: each for each in outside(facts, data=data, runtime="", limits=Limits(), slots=slots)}


def test_each_wall_that_is_tried_inside_has_its_words():
    assert {wall.__name__ for wall in probe.WALLS} == set(INSIDE)


def test_a_missing_wall_is_told_with_what_it_means_and_what_to_do():
    held = Finding.of_wall(WALL, held=True, found="lo")
    missing = Finding.of_wall(WALL, held=False, found="eth0")

    assert table([held]).endswith("every wall holds")
    assert "holds  network  see a network  lo\n" in table([held])
    told = table([held, missing])
    assert "MISSING: network: a task could reach other machines; mend it" in told
    assert told.endswith("1 missing: do not run tasks here before that is mended")


def test_advice_makes_no_host_unfit(tmp_path):
    found = seen(tmp_path, EngineFacts("20", Path("/"), 2, GIB, "1", ("runc",), "runc", ()))

    advised = {name for name, each in found.items() if each.verdict is Verdict.ADVICE}
    assert advised == {"confinement", "user namespaces", "memory for all"}
    assert table(list(found.values())).endswith("every wall holds")


@pytest.mark.parametrize(("mode", "verdict"), [(0o700, Verdict.HOLDS), (0o711, Verdict.MISSING)])
def test_a_folder_of_sockets_that_others_enter_is_a_missing_wall(tmp_path, mode, verdict):
    assert "state folder" not in seen(tmp_path)
    (tmp_path / "s").mkdir()
    (tmp_path / "s").chmod(mode)

    assert seen(tmp_path)["state folder"].verdict is verdict
