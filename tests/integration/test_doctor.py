"""`errand-runner doctor` on this host: every wall holds; where one was taken away on purpose, it says which."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import pytest

from errand_common import config
from errand_runner.config import HostSettings
from errand_runner.doctor.examination import examine
from errand_runner.doctor.findings import Verdict
from errand_runner.sandbox.docker.engine import NewConfig
from errand_runner.sandbox.names import Label
from errand_runner.sandbox.profile import container_config
from tests.integration.sandboxing import containers

Change = Callable[[dict[str, Any], dict[str, Any]], None]


def with_call_filter_off(container: dict[str, Any], host: dict[str, Any]) -> None:
    host["SecurityOpt"] = ["no-new-privileges:true", "seccomp=unconfined"]


def with_dockers_call_filter(container: dict[str, Any], host: dict[str, Any]) -> None:
    host["SecurityOpt"] = ["no-new-privileges:true"]


def with_new_privileges(container: dict[str, Any], host: dict[str, Any]) -> None:
    host["SecurityOpt"] = [option for option in host["SecurityOpt"] if not option.startswith("no-new")]


def with_a_network(container: dict[str, Any], host: dict[str, Any]) -> None:
    host["NetworkMode"] = "bridge"


def with_capabilities(container: dict[str, Any], host: dict[str, Any]) -> None:
    host["CapDrop"] = []


def with_a_root_to_write_to(container: dict[str, Any], host: dict[str, Any]) -> None:
    host["ReadonlyRootfs"] = False


def with_a_folder_of_the_host(container: dict[str, Any], host: dict[str, Any]) -> None:
    host["Mounts"] = [*host["Mounts"], {"Type": "bind", "Source": "/var/tmp", "Target": "/mnt"}]


def with_the_engines_socket(container: dict[str, Any], host: dict[str, Any]) -> None:
    socket = {"Type": "bind", "Source": "/var/run/docker.sock", "Target": "/run/docker.sock", "ReadOnly": True}
    host["Mounts"] = [*host["Mounts"], socket]


def with_a_group_of_the_host(container: dict[str, Any], host: dict[str, Any]) -> None:
    host["GroupAdd"] = ["0"]


def with_one_user_for_all(container: dict[str, Any], host: dict[str, Any]) -> None:
    container["User"] = container["Labels"][Label.UID]


def with_the_hosts_processes(container: dict[str, Any], host: dict[str, Any]) -> None:
    host["PidMode"] = "host"


def with_memory_without_end(container: dict[str, Any], host: dict[str, Any]) -> None:
    host["Memory"] = host["MemorySwap"] = 4 << 30


def with_processes_without_end(container: dict[str, Any], host: dict[str, Any]) -> None:
    host["PidsLimit"] = 4096


def with_longer_files_and_more_of_them(container: dict[str, Any], host: dict[str, Any]) -> None:
    host["Ulimits"] = [{"Name": "nofile", "Soft": 9000, "Hard": 9000}, {"Name": "core", "Soft": 0, "Hard": 0}]


def settings(state_dir: Path, image: str) -> HostSettings:
    return config.load(HostSettings, ERRAND_DATA=str(state_dir), ERRAND_SANDBOX_IMAGE=image)


def weakened(change: Change) -> NewConfig:
    def new_config(*given: Any, **named: Any) -> dict[str, object]:
        container = container_config(*given, **named)
        change(container, container["HostConfig"])  # type: ignore[arg-type]
        return container

    return new_config


async def test_every_wall_holds_on_this_host_without_a_scheduler_or_a_key(state_dir: Path, sandbox_image: str) -> None:
    environment = {"ERRAND_DATA": str(state_dir), "ERRAND_SANDBOX_IMAGE": sandbox_image, "PATH": os.environ["PATH"]}
    command = (sys.executable, "-m", "errand_runner", "doctor")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=pipe, stderr=pipe)
    out, err = await process.communicate()
    assert process.returncode == 0, out.decode() + err.decode()
    lines = out.decode().splitlines()
    assert lines[-1] == "every wall holds"
    # Aligned: what was found begins in one column.
    column = lines[0].index("found")
    assert all(line[column - 2 : column] == "  " and line[column] != " " for line in lines[: lines.index("")])


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        (with_call_filter_off, {"call filter", "system calls", "hypervisor"}),
        (with_dockers_call_filter, {"system calls", "hypervisor"}),
        (with_new_privileges, {"privileges"}),
        (with_a_network, {"network", "way out"}),
        (with_capabilities, {"capabilities"}),
        # The engine's own files, such as /etc/hosts, can be written to then too.
        (with_a_root_to_write_to, {"read-only root", "mounts"}),
        (with_a_folder_of_the_host, {"mounts"}),
        (with_the_engines_socket, {"engine's socket"}),
        (with_a_group_of_the_host, {"groups"}),
        (with_one_user_for_all, {"keeper"}),
        (with_the_hosts_processes, {"processes seen"}),
        (with_memory_without_end, {"memory"}),
        (with_processes_without_end, {"processes"}),
        (with_longer_files_and_more_of_them, {"open files", "file size"}),
    ],
)
async def test_a_wall_that_was_taken_away_is_named(
    state_dir: Path,
    sandbox_image: str,
    runner_id: str,
    client: docker.DockerClient,
    change: Change,
    missing: set[str],
) -> None:
    given = settings(state_dir, sandbox_image)
    found = await examine(given, runner_id=runner_id, new_config=weakened(change))
    assert {each.name for each in found if each.verdict is Verdict.MISSING} == missing
    assert all(each.more for each in found if each.verdict is Verdict.MISSING)
    assert containers(client, runner_id) == []
    assert client.volumes.list(filters={"label": f"errand.runner={runner_id}"}) == []
    assert [path.name for path in state_dir.iterdir() if not path.name.startswith("guest-")] == []
