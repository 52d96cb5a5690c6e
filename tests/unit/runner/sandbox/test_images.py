"""What is made of an image by judgement alone: its progress in words, what it lacks, what of its environment counts."""

from pathlib import Path

import pytest

from errand_common import images
from errand_runner.sandbox import profile
from errand_runner.sandbox.docker import SandboxSpec
from errand_runner.sandbox.docker.fitness import lacking, probe_config, unfit
from errand_runner.sandbox.docker.progress import Progress


def config(**changes: object) -> dict[str, object]:
    spec = SandboxSpec("sbx_1", "wsp_1", "tsk_1", "rnr_1", "node:22", Path("/s"), **changes)  # type: ignore[arg-type]
    return profile.container_config(spec, uid=200_000, guest=Path("/guest"), expires=0)


def layer(name: str, status: str, current: int = 0, total: int = 0) -> dict[str, object]:
    detail = {"current": current, "total": total} if total else {}
    return {"id": name, "status": status, "progressDetail": detail}


def test_progress_counts_layers_and_bytes() -> None:
    progress = Progress()
    assert progress.line() == "asking the registry"
    progress.take({"id": "1", "status": "Pulling from team/ci"})
    progress.take({"status": "Digest: sha256:abc"})
    assert progress.line() == "asking the registry"
    for name in "abc":
        progress.take(layer(name, "Pulling fs layer"))
    assert progress.line() == "0 of 3 layers"
    progress.take(layer("a", "Already exists"))
    progress.take(layer("b", "Downloading", 1_500_000, 6_000_000))
    progress.take(layer("c", "Downloading", 500_000, 4_000_000))
    assert progress.line() == "1 of 3 layers, 2.0 of 10.0 MB"
    progress.take(layer("b", "Download complete"))
    progress.take(layer("c", "Extracting", 1, 2))
    progress.take(layer("b", "Pull complete"))
    assert progress.line() == "2 of 3 layers, 6.5 of 10.0 MB"


def test_progress_of_an_endless_image_is_bounded() -> None:
    progress = Progress()
    for number in range(5000):
        progress.take(layer(str(number), "Waiting"))
    assert progress.line() == "0 of 1000 layers"


@pytest.mark.parametrize("code", [-1, 0, 1, 63, 96, 126, 127, 137, 255])
def test_a_code_that_the_probe_never_gives_means_that_no_shell_ran_it(code: int) -> None:
    assert lacking(code) == ("a sh that runs on this host's processor",)


def test_every_code_of_the_probe_has_its_words() -> None:
    assert lacking(64) == ()
    assert lacking(64 + 1) == ("git",)
    assert lacking(64 + 2 + 8) == ("python3 (3.8 or newer)", "bash")
    assert lacking(64 + 4) == ("a python3 that is 3.8 or newer",)
    assert lacking(64 + 31) == (
        "git",
        "a python3 with its whole standard library",
        "bash",
        "a /tmp that all may write to (mode 1777)",
    )


def test_what_an_image_lacks_is_told_with_the_cure() -> None:
    said = unfit(images.parse("node:22"), ("git", "bash"))
    assert said.startswith("image node:22 cannot be used, since it has not git, bash;")
    assert "RUN apt-get" in said


def test_a_probe_has_the_walls_of_a_sandbox_and_no_workspace() -> None:
    sandbox = config()
    probe = probe_config(sandbox)
    walls, walls_of_probe = dict(sandbox["HostConfig"]), dict(probe["HostConfig"])  # type: ignore[call-overload]
    mounts, mounts_of_probe = walls.pop("Mounts"), walls_of_probe.pop("Mounts")
    assert walls == walls_of_probe
    assert [mount for mount in mounts if mount["Target"] == "/opt/errand"] == mounts_of_probe
    assert {name for name in sandbox if sandbox[name] != probe[name]} == {"Cmd", "User", "WorkingDir", "HostConfig"}


def test_the_programs_of_an_image_are_found_and_what_leads_astray_is_taken_out() -> None:
    env = config(
        image_env=("PATH=/usr/local/go/bin:/usr/bin", "GOPATH=/go", "HOME=/root", "GIT_DIR=/x", "BASH_ENV=/y", "odd")
    )["Env"]
    assert isinstance(env, list)
    (path,) = [each for each in env if each.startswith("PATH=")]
    assert path.startswith("PATH=/workspace/home/.local/bin:/usr/local/go/bin:/usr/bin:")
    assert path.endswith(":/sbin:/bin")
    assert path.count("/usr/bin") == 1
    assert {"GIT_DIR", "BASH_ENV"} <= set(env)
    assert "HOME=/workspace/home" in env
    assert not [each for each in env if each.startswith(("GOPATH", "HOME=/root"))], "the engine adds the image's own"
    assert config()["Env"] == [f"{name}={value}" for name, value in profile.environment().items()]


def test_a_foreign_image_gives_nothing_to_the_workspace() -> None:
    def no_copy(made: dict[str, object]) -> bool:
        (volume,) = [each for each in made["HostConfig"]["Mounts"] if each["Type"] == "volume"]  # type: ignore[index]
        return bool(volume["VolumeOptions"]["NoCopy"])

    assert no_copy(config(workspace_image="errand-sandbox"))
    assert not no_copy(config())
