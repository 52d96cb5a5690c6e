"""What a container is asked for: each wall and each limit stands in the request."""

from pathlib import Path

from errand_runner.sandbox.limits import Limits
from errand_runner.sandbox.profile import SandboxSpec, container_config

LIMITS = Limits(memory_bytes=1 << 30, cpus=1.5, pids=99, open_files=1000, file_bytes=1 << 20)


def host_config(**given):
    spec = SandboxSpec("sbx_1", "wsp_1", "tsk_1", "rnr_1", "image", Path("/s/sbx_1"), **given)
    return container_config(spec, uid=200_000, guest=Path("/guest"), expires=0)["HostConfig"]


def test_limits_are_asked_of_the_engine():
    asked = host_config(limits=LIMITS)

    assert (asked["Memory"], asked["MemorySwap"], asked["NanoCpus"], asked["PidsLimit"]) == (
        1 << 30,
        1 << 30,
        1_500_000_000,
        99,
    )
    assert {each["Name"]: (each["Soft"], each["Hard"]) for each in asked["Ulimits"]} == {
        "nofile": (1000, 1000),
        "fsize": (1 << 20, 1 << 20),
        "core": (0, 0),
    }


def test_a_runtime_is_named_only_where_one_is_set():
    assert "Runtime" not in host_config()
    assert host_config(runtime="runsc")["Runtime"] == "runsc"


def test_a_host_gives_no_more_cpus_than_it_has():
    assert Limits(cpus=8).on(2).cpus == 2
    assert Limits(cpus=0.5).on(2).cpus == 0.5
