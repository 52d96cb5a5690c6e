"""Real containers: what a sandbox can do, what it cannot, and that none is left behind."""

import asyncio
import socket
from pathlib import Path

import docker
import pytest

from errand_common.ids import Ids
from errand_runner.sandbox import lifeline
from errand_runner.sandbox.docker import Engine, EngineUnavailable, ImageMissing, SandboxFailed
from errand_runner.sandbox.supervisor import SandboxGone
from tests.integration.sandboxing import MakeSpec, containers, image_without_python, sh


async def test_a_sandbox_has_a_workspace_and_tools_but_no_rights(engine: Engine, make_spec: MakeSpec) -> None:
    async with engine.open(make_spec()) as sandbox:
        assert await sh(sandbox, "cd ~ && pwd && echo hi > file && cat file") == "/workspace/home\nhi\n"
        assert (await sh(sandbox, "git --version; python3 --version; pytest --version")).count("\n") == 3
        assert int(await sh(sandbox, "id -u")) >= 200_000
        status = await sh(sandbox, "grep -E 'CapEff|CapBnd|NoNewPrivs|Seccomp:' /proc/self/status")
        assert [line.split()[1] for line in status.splitlines()] == ["0" * 16, "0" * 16, "1", "2"]
        assert "Read-only file system" in await sh(sandbox, "touch /usr/file")
        assert await sh(sandbox, "touch /run/broker/file") != ""
        assert await sh(sandbox, "ls /sys/class/net") == "lo\n"
        assert "Read-only file system" in await sh(sandbox, "echo > /opt/errand/__main__.py")
        assert "Read-only file system" in await sh(sandbox, "touch /opt/errand/guest/more.py")


async def test_git_works_on_a_fresh_volume(engine: Engine, make_spec: MakeSpec) -> None:
    script = """
        git init -q repo && cd repo && echo a > a && git add a
        git -c user.name=A -c user.email=a@b commit -qm one && git log --format=%s && git status --porcelain
    """
    async with engine.open(make_spec()) as sandbox:
        assert (await sh(sandbox, script)).endswith("one\n")


async def test_the_workspace_outlives_the_container_and_keeps_its_uid(
    engine: Engine, make_spec: MakeSpec, client: docker.DockerClient, runner_id: str
) -> None:
    spec = make_spec()
    async with engine.open(spec) as sandbox:
        uid = await sh(sandbox, "echo kept > note; id -u")
        async with engine.open(make_spec()) as other:
            assert await sh(other, "id -u") != uid
    assert containers(client, runner_id) == []
    async with engine.open(make_spec(workspace_id=spec.workspace_id)) as again:
        assert await sh(again, "id -u; cat note; echo more >> note; cat note") == f"{uid}kept\nkept\nmore\n"
    await engine.remove_workspace(spec.workspace_id)
    await engine.remove_workspace(spec.workspace_id)
    assert client.volumes.list(filters={"name": spec.workspace_id}) == []


async def test_workspaces_made_at_once_get_different_uids(engine: Engine, make_spec: MakeSpec) -> None:
    async def uid() -> str:
        async with engine.open(make_spec()) as sandbox:
            return await sh(sandbox, "id -u")

    uids = await asyncio.gather(*(uid() for _ in range(5)))
    assert len(set(uids)) == 5


async def test_a_workspace_in_use_is_not_removed(engine: Engine, make_spec: MakeSpec) -> None:
    spec = make_spec()
    async with engine.open(spec):
        with pytest.raises(SandboxFailed, match="in use"):
            await engine.remove_workspace(spec.workspace_id)


async def test_limits_hold_and_the_supervisor_outlives_the_job(engine: Engine, make_spec: MakeSpec) -> None:
    async with engine.open(make_spec()) as sandbox:
        eater = await sandbox.supervisor.capture(
            ["python3", "-c", "b = []\nwhile True: b.append(bytearray(1 << 20))"], cwd="/", timeout_s=20
        )
        assert eater.exit.signal == 9
        assert not eater.exit.timed_out
        storm = "import os, time\nfor _ in range(200):\n if not os.fork(): time.sleep(300)"
        crowd = await sandbox.supervisor.capture(["python3", "-c", storm], cwd="/", timeout_s=20)
        assert b"BlockingIOError" in crowd.stderr
        assert await sh(sandbox, "echo usable") == "usable\n"


async def test_a_fork_storm_is_ended_at_its_time(engine: Engine, make_spec: MakeSpec) -> None:
    # Here and not without Docker: the limit on processes is what keeps the host out of it.
    bomb = "bomb() { bomb | bomb & }; bomb; while true; do sleep 0.1; done"
    spinning = ["python3", "-c", "import os\nfor _ in range(5): os.fork()\nwhile True: os.fork() or os._exit(0)"]
    async with engine.open(make_spec()) as sandbox:
        for argv in (["bash", "-c", bomb], spinning):
            storm = await sandbox.supervisor.capture(argv, cwd="/", timeout_s=0.5)
            assert storm.exit.duration_s < 5
        assert await sh(sandbox, "echo usable") == "usable\n"
        assert int(await sh(sandbox, "ls -d /proc/[0-9]* | wc -l")) < 12


async def test_200_jobs_leave_room_for_more(engine: Engine, make_spec: MakeSpec) -> None:
    # Each leaves an orphan; the limit is 128 processes, and a zombie is one.
    async with engine.open(make_spec()) as sandbox:
        for _ in range(200):
            await sh(sandbox, "(sleep 0 &)")
        assert int(await sh(sandbox, "ls -d /proc/[0-9]* | wc -l")) < 12


async def test_when_the_container_is_killed_the_next_call_says_so(
    engine: Engine, make_spec: MakeSpec, client: docker.DockerClient
) -> None:
    async with engine.open(make_spec()) as sandbox:
        client.containers.get(sandbox.container_id).kill()
        with pytest.raises(SandboxGone):
            await sh(sandbox, "sleep 10")


@pytest.mark.parametrize("delay_s", [0.0, 0.01, 0.03, 0.06, 0.1, 0.2, 0.35, 0.5, 0.7])
async def test_cancelled_at_any_point_no_container_is_left(
    engine: Engine, make_spec: MakeSpec, client: docker.DockerClient, runner_id: str, delay_s: float
) -> None:
    async def use() -> None:
        async with engine.open(make_spec()) as sandbox:
            await sh(sandbox, "sleep 300")

    task = asyncio.ensure_future(use())
    await asyncio.sleep(delay_s)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert containers(client, runner_id) == []


async def test_a_sweep_removes_what_is_not_kept_and_no_other_runners(
    engine: Engine, make_spec: MakeSpec, client: docker.DockerClient, runner_id: str, ids: Ids, state_dir: Path
) -> None:
    spec, kept = make_spec(), make_spec()
    # Another runner process opened these and is still at it.
    async with Engine.connect(state_dir=state_dir) as other, other.open(spec), other.open(kept):
        assert await engine.sweep(ids.new("rnr"), lambda sandbox_id: False) == []
        assert await engine.sweep(runner_id, lambda sandbox_id: sandbox_id == kept.sandbox_id) == [spec.sandbox_id]
        assert containers(client, runner_id) == [kept.sandbox_id]


async def test_a_missing_image_is_named(
    engine: Engine, make_spec: MakeSpec, client: docker.DockerClient, runner_id: str
) -> None:
    with pytest.raises(ImageMissing, match="no-such-image"):
        async with engine.open(make_spec(image="no-such-image:1")):
            pass
    assert containers(client, runner_id) == []


async def test_an_image_without_python_is_refused_with_words(
    engine: Engine, make_spec: MakeSpec, client: docker.DockerClient, sandbox_image: str, runner_id: str
) -> None:
    tag = f"errand-test-{runner_id[-8:]}:no-python"
    image_without_python(sandbox_image, tag)
    try:
        with pytest.raises(SandboxFailed, match="must have sh, git and python3"):
            async with engine.open(make_spec(image=tag)):
                pass
    finally:
        client.images.remove(tag)
    assert containers(client, runner_id) == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("unix:///no/such.sock", "no Docker engine at /no/such.sock; install"),
        ("tcp://127.0.0.1:2375", "on a unix socket"),
    ],
)
async def test_without_an_engine_the_cure_is_named(state_dir: Path, url: str, words: str) -> None:
    with pytest.raises(EngineUnavailable, match=words):
        async with Engine.connect(state_dir=state_dir, base_url=url):
            pass


async def test_a_silent_socket_is_no_engine(state_dir: Path) -> None:
    path = state_dir / "dead.sock"
    server = await asyncio.start_unix_server(lambda reader, writer: writer.close(), path)
    async with server:
        with pytest.raises(EngineUnavailable, match="does not answer sensibly"):
            async with Engine.connect(state_dir=state_dir, base_url=f"unix://{path}"):
                pass


async def test_a_socket_without_a_listener_is_no_engine(state_dir: Path) -> None:
    path = state_dir / "dead.sock"
    with socket.socket(socket.AF_UNIX) as abandoned:
        abandoned.bind(str(path))
    with pytest.raises(EngineUnavailable, match="nothing answers"):
        async with Engine.connect(state_dir=state_dir, base_url=f"unix://{path}"):
            pass


async def test_a_container_that_no_runner_speaks_for_ends_by_itself(
    engine: Engine, make_spec: MakeSpec, client: docker.DockerClient
) -> None:
    async with engine.open(make_spec(patience_s=2)) as sandbox:
        with pytest.raises(SandboxGone):
            await sh(sandbox, "sleep 20")
        # The end of what ran in it is known a moment before its own.
        assert client.containers.get(sandbox.container_id).wait(timeout=20)["StatusCode"] == 0


async def test_nothing_in_a_container_keeps_it_up_without_a_runner(
    engine: Engine, make_spec: MakeSpec, client: docker.DockerClient
) -> None:
    async with engine.open(make_spec(patience_s=2)) as sandbox:
        with pytest.raises(SandboxGone):
            await sh(sandbox, "kill -STOP -1; sleep 20")
        assert client.containers.get(sandbox.container_id).wait(timeout=20)["StatusCode"] == 0


async def test_a_container_that_its_runner_speaks_for_outlives_its_patience(
    engine: Engine, make_spec: MakeSpec
) -> None:
    spec = make_spec(patience_s=3)
    async with engine.open(spec) as sandbox:
        for _ in range(6):
            await asyncio.to_thread(lifeline.renew, spec.socket_dir)
            assert await sh(sandbox, "sleep 1; echo here") == "here\n"
