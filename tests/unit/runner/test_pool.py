"""How many sandboxes wait: as many as are wanted, and never more than there are slots for."""

from pathlib import Path

import pytest

from errand_runner.pool import plan
from errand_runner.sandbox.docker import SandboxSpec
from errand_runner.spare_memory import has_spare_memory
from errand_runner.warm import Warm


def waiting(*images: str) -> list[Warm]:
    return [Warm(spec(image, number), since_s=0.0) for number, image in enumerate(images)]


def spec(image: str, number: int) -> SandboxSpec:
    return SandboxSpec(
        sandbox_id=f"sbx_{number}",
        workspace_id=f"wsp_{number}",
        task_id="",
        runner_id="rnr_1",
        image=image,
        socket_dir=Path("/nowhere"),
    )


@pytest.mark.parametrize(
    ("found", "wanted", "free", "surplus", "lacking"),
    [
        ([], {"a": 1}, 2, [], "a"),
        (["a"], {"a": 1}, 2, [], ""),
        (["a", "a"], {"a": 1}, 2, ["sbx_1"], ""),
        (["a"], {"a": 1}, 0, ["sbx_0"], ""),
        ([], {"a": 5}, 0, [], ""),
        (["a", "a"], {"a": 5}, 2, [], ""),
        (["a"], {"a": 2, "b": 1}, 3, [], "a"),
        (["a", "a"], {"a": 2, "b": 1}, 3, [], "b"),
        (["a", "b"], {"a": 1, "b": 1}, 1, ["sbx_1"], ""),
        (["old"], {"a": 1}, 2, ["sbx_0"], "a"),
        (["a"], {}, 2, ["sbx_0"], ""),
        (["a"], {"a": 1}, -1, ["sbx_0"], ""),
    ],
)
def test_as_many_wait_as_are_wanted_and_slots_are_free(found, wanted, free, surplus, lacking):
    decided = plan(waiting(*found), wanted, free=free)
    assert ([each.spec.sandbox_id for each in decided.surplus], decided.lacking) == (surplus, lacking)


@pytest.mark.parametrize(("available", "spare"), [(512 << 10, False), ((512 << 10) + 1, True)])
def test_memory_is_to_spare_beyond_half_a_gibibyte(tmp_path, available, spare):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(f"MemTotal: 4000000 kB\nMemAvailable:   {available} kB\n")
    assert has_spare_memory(meminfo) is spare


def test_a_host_that_does_not_say_is_believed_to_have_memory(tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 4000000 kB\n")
    assert has_spare_memory(meminfo)
