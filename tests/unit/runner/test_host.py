"""What a runner needs of its engine, refused with words."""

from pathlib import Path

import pytest

from errand_common.service import StartError
from errand_runner.host import check_runtime
from errand_runner.sandbox.docker.facts import facts_of

INFO = {
    "DockerRootDir": "/var/lib/docker",
    "ServerVersion": "20.10.24",
    "NCPU": 2,
    "Runtimes": {"runc": {}, "io.containerd.runc.v2": {}},
    "SecurityOptions": ["name=seccomp,profile=default", "name=userns"],
}


def test_a_runtime_that_the_engine_lacks_stops_the_start_with_those_that_it_has():
    with pytest.raises(StartError, match=r"ERRAND_SANDBOX_RUNTIME=runsc .* \(io.containerd.runc.v2, runc\); add it"):
        check_runtime("runsc", facts_of(INFO))


@pytest.mark.parametrize("runtime", ["", "runc"])
def test_the_engines_default_and_what_it_has_are_taken(runtime):
    check_runtime(runtime, facts_of(INFO))


def test_the_engines_account_is_read():
    found = facts_of(INFO)

    assert (found.root_dir, found.cpus, found.cgroup_version) == (Path("/var/lib/docker"), 2, "1")
    assert found.security == ("seccomp", "userns")
