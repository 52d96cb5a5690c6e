"""What all attempts share: a sandbox, its neighbour, a broker with a credential, a bystander, unhardened containers."""

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import docker

from errand_common.clock import Clock
from errand_common.credentials import write_secret
from errand_common.ids import Ids
from errand_runner import doorway
from errand_runner.agent.redact import Redactor
from errand_runner.broker.broker import Broker
from errand_runner.lent_secrets import LentSecrets
from errand_runner.sandbox.docker import Engine, Sandbox, SandboxSpec
from errand_runner.sandbox.limits import Limits
from errand_runner.sandbox.names import Label
from errand_runner.sandbox.profile import GUEST_FOLDER
from errand_runner.sandbox.supervisor import SandboxGone
from errand_runner.setup import Setup
from tests.demo.stack import ROOT, image_tag
from tests.escape import outside
from tests.escape.attempt import Control
from tests.escape.outside import setting
from tests.escape.places import ControlMissing, Inside, Outside
from tests.escape.planting import plant_root_programs
from tests.escape.trap import OWN, Trap
from tests.integration.brokering import Lender, make_broker
from tests.integration.git_backend import OWNER_AND_NAME, GitBackend, git_sh, make_repository, serve

LIMITS = Limits(memory_bytes=768 << 20, cpus=1.0, pids=128, file_bytes=64 << 20)
"""Small, but the memory more than the sandbox's folders in memory can hold together."""

# Less than a payload makes in a moment.
_PUSH_LIMIT_BYTES = 8 << 20
_ALIVE_S = 15
_NEIGHBOUR = Path(__file__).with_name("neighbour.py")
_SECRETS = (
    "model key",
    "service token",
    "lent credential",
    "bystander",
    "neighbour",
    "setup secret",
    "other repository",
)
_PROJECT = "/workspace/project"

_SETUP = """
printf %s "$SETUP_SECRET" | sha256sum > ~/digest
echo "$SETUP_SECRET"
setsid sh -c 'while sleep 60; do :; done' setup-leftover > /dev/null 2>&1 &
"""
"""It has the secret as an environment variable, says it, and leaves behind what has it too."""


class World:
    """Opened by `open_world`. One attempt at a time."""

    def __init__(self, folder: Path, engine: Engine, backend: GitBackend, canaries: dict[str, str]) -> None:
        self.folder, self.engine, self.backend, self.canaries = folder, engine, backend, canaries
        self.image = image_tag()
        self.given: dict[str, object] = {}
        self._ids = Ids(Clock())
        self._mark = secrets.token_hex(8)
        self._runner_id = self._ids.new("rnr")
        self._workspace_id, self._neighbour_workspace_id = self._ids.new("wsp"), self._ids.new("wsp")
        self._stack, self._open = AsyncExitStack(), AsyncExitStack()
        self._controls: dict[tuple[str, ...], Outside | ControlMissing] = {}

    @property
    def label(self) -> str:
        """On every container of a control."""
        return f"errand-escape={self._runner_id}"

    async def prepare(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        stack.push_async_callback(self._clear)
        self.given |= {"runner_pid": os.getpid(), "state": str(self.folder)} | await self._bystander()
        self.given["own_address"] = OWN
        port = self.given["host_port"]
        assert isinstance(port, int)
        self._trap = Trap(port)
        marked = {"NEIGHBOUR_SECRET": self.canaries["neighbour"]}
        self.neighbour, neighbour_spec = await self._open_on(self._neighbour_workspace_id, stack, marked)
        await self._busy_neighbour()
        volume = self._neighbour_workspace_id
        # Of one file system with the volumes, and in every container.
        self.given["anchor"] = "/etc/hostname"
        client = docker.APIClient()
        stack.callback(client.close)
        found = client.inspect_container(self.neighbour.sandbox.container_id)
        self.given |= {
            "guest": GUEST_FOLDER,
            "broker": doorway.FOLDER,
            "broker_port": doorway.PORT,
            "neighbour": found["Id"],
            "neighbour_uid": found["Config"]["Labels"][Label.UID],
            "neighbour_volume": volume,
            "neighbour_folder": client.inspect_volume(volume)["Mountpoint"],
            "neighbour_sockets": str(neighbour_spec.socket_dir),
        }
        for name in ("guest/guest", "broker"):
            (self.folder / "scratch" / name).mkdir(parents=True)
        (self.folder / "scratch/guest/__main__.py").touch()
        await self.replace()
        await self.mark_volume()
        await plant_root_programs(self.image, self._workspace_id)
        self.given["volume"] = self._workspace_id

    async def replace(self) -> None:
        """A new sandbox on the same volume, as after one that is gone."""
        await self._open.aclose()
        self._open = AsyncExitStack()
        self._stack.push_async_exit(self._open)
        self.inside, self._spec = await self._open_on(self._workspace_id, self._open, {})
        await self._set_up(self.inside.sandbox)

    async def mark_volume(self) -> None:
        """So that a sandbox that takes the place of another is known to have it."""
        await self.inside.say(f"echo {self._mark} > /workspace/kept")

    async def recover(self) -> str:
        """The sandbox works, or is replaced by one that does, and the neighbour works; else says what does not."""
        with suppress(SandboxGone):
            if "alive" in await self.inside.say("echo alive", timeout_s=_ALIVE_S):
                return await self._neighbour_trouble()
            return "the sandbox is not usable any more"
        await self.replace()
        if self._mark not in await self.inside.say("cat /workspace/kept", timeout_s=_ALIVE_S):
            return "the sandbox cannot be replaced with its volume"
        return await self._neighbour_trouble()

    async def _neighbour_trouble(self) -> str:
        try:
            said = await self.neighbour.say("cat /workspace/neighbour.secret", timeout_s=_ALIVE_S)
        except SandboxGone as exc:
            return f"the neighbour is gone: {exc}"
        if self.canaries["neighbour"] not in said or self._busy.done():
            return "the neighbour does not work any more"
        return "" if self._process.returncode is None else "a process of the host ended"

    async def start_inside(self, argv: tuple[str, ...]) -> None:
        """As a runner would that takes the container over, and goes away again at once."""
        uid = (await self.inside.say("id -u")).strip()
        command = ["docker", "exec", "--interactive", "--user", uid, self.inside.sandbox.container_id, *argv]
        await asyncio.to_thread(subprocess.run, command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20)

    def seen_from_outside(self) -> dict[str, str]:
        """Blocks."""
        return outside.seen(programs=self.folder.glob("guest-*"), door=self._spec.socket_dir)

    async def control(self, control: Control) -> Outside:
        """Its container; those with the same flags share one. Raises ControlMissing."""
        for path, wanted in control.needs.items():
            if (found := setting(path)) not in ("", wanted):
                raise ControlMissing(f"{path} is {found}")
        return await self._started(control.flags)

    async def _started(self, flags: tuple[str, ...]) -> Outside:
        if flags not in self._controls:
            filled = tuple(flag.format(**self.given, **self._secrets()) for flag in flags)
            try:
                self._controls[flags] = await Outside.start(self.image, filled, label=self.label)
            except ControlMissing as exc:
                self._controls[flags] = exc
        found = self._controls[flags]
        if isinstance(found, ControlMissing):
            raise found
        return found

    def _secrets(self) -> dict[str, str]:
        """What a control may be given, and a sandbox may not."""
        lent = self.canaries["lent credential"]
        return {
            "model_key": self.canaries["model key"],
            "lent_credential": lent,
            "scratch": str(self.folder / "scratch"),
            "setup_secret": self.canaries["setup secret"],
            "setup_file": str(self.folder / "setup.secret"),
            "upstream_with_credential": self.backend.url.replace("://", f"://x-access-token:{lent}@"),
        }

    async def _set_up(self, sandbox: Sandbox) -> None:
        """As an attempt does it (errand_runner/start.py), with a secret for the setup script alone."""
        secrets = LentSecrets(setup={"SETUP_SECRET": self.canaries["setup secret"]})
        setup = Setup(sandbox.supervisor, _SETUP, image="", secrets=secrets, folder=_PROJECT)
        await sandbox.supervisor.capture(["mkdir", "-p", _PROJECT], cwd="/workspace", timeout_s=_ALIVE_S)
        said: list[str] = []
        await setup.run(say=said.append, timeout_s=_ALIVE_S, redactor=Redactor())
        assert self.canaries["setup secret"] in "".join(said), "the setup script has its secret"

    async def _open_on(
        self, workspace_id: str, stack: AsyncExitStack, marked: Mapping[str, str]
    ) -> tuple[Inside, SandboxSpec]:
        """As an attempt does it (errand_runner/lodging.py): the broker on its socket, then the sandbox before it."""
        folder = self.folder / self._ids.new("sbx")
        broker: Broker = await stack.enter_async_context(
            make_broker(
                folder,
                self.backend,
                Lender([self.canaries["lent credential"]]),
                egress=self._trap.egress(),
                push_limit_bytes=_PUSH_LIMIT_BYTES,
            )
        )
        self.given["remote"] = broker.remote_url
        spec = SandboxSpec(
            sandbox_id=self._ids.new("sbx"),
            workspace_id=workspace_id,
            task_id=self._ids.new("tsk"),
            runner_id=self._runner_id,
            image=self.image,
            socket_dir=folder / "s",
            limits=LIMITS,
            patience_s=900,
        )
        return Inside(await stack.enter_async_context(self.engine.open(spec)), marked), spec

    async def _bystander(self) -> dict[str, object]:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.escape.bystander", str(self.folder)),
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "BYSTANDER_SECRET": self.canaries["bystander"]},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._stack.push_async_callback(self._end_bystander)
        assert self._process.stdout is not None
        told: dict[str, object] = json.loads(await self._process.stdout.readline())
        return told

    async def _end_bystander(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def _busy_neighbour(self) -> None:
        """It is at work for as long as this world stands."""
        ready = asyncio.Event()
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        self._busy = tasks.create_task(self._work(ready))
        self._stack.callback(self._busy.cancel)
        async with asyncio.timeout(_ALIVE_S):
            await ready.wait()

    async def _work(self, ready: asyncio.Event) -> None:
        program = f"python3 -I - <<'END'\n{_NEIGHBOUR.read_text()}\nEND"
        async for piece in self.neighbour.run(program, timeout_s=600):
            if "ready" in piece:
                ready.set()

    async def _clear(self) -> None:
        """Whatever was opened; the rest of the world is closed by then."""
        listed = ["docker", "ps", "--all", "--quiet", "--filter", f"label={self.label}"]
        found = await asyncio.to_thread(subprocess.run, listed, check=True, capture_output=True, text=True)
        if found.stdout.split():
            removal = ["docker", "rm", "--force", "--volumes", *found.stdout.split()]
            await asyncio.to_thread(subprocess.run, removal, check=True, capture_output=True)
        await self.engine.remove_everything(self._runner_id)


@asynccontextmanager
async def open_world() -> AsyncIterator[World]:
    """Everything, with secrets of its own; on leaving nothing is left of it."""
    # Short: a socket's path holds 108 bytes.
    folder = Path(tempfile.mkdtemp(prefix="errand-"))
    canaries = {name: f"canary-{secrets.token_hex(16)}" for name in _SECRETS}
    try:
        async with AsyncExitStack() as stack:
            stack.enter_context(_as_a_runner(folder, canaries))
            backend = await stack.enter_async_context(serve(folder / "git", password=canaries["lent credential"]))
            await _furnish(backend, canaries["other repository"])
            engine = await stack.enter_async_context(Engine.connect(state_dir=folder))
            world = World(folder, engine, backend, canaries)
            await world.prepare(stack)
            yield world
    finally:
        shutil.rmtree(folder)


async def _furnish(backend: GitBackend, secret: str) -> None:
    """A repository that is nobody's here, with a secret in it and in the name of its branch; and a host that takes all
    that a push can bring."""
    other = backend.root / "octo/other.git"
    await make_repository(other)
    await git_sh(f"""set -e
        git clone -q {other} {other}.clone && cd {other}.clone && echo {secret} > secret && git add secret
        git commit -qm secret && git push -q origin HEAD:main HEAD:refs/heads/{secret}
        git -C {backend.root}/{OWNER_AND_NAME}.git config receive.advertisePushOptions true
        git -C {backend.root}/{OWNER_AND_NAME}.git config receive.denyDeletes false""")


@contextmanager
def _as_a_runner(folder: Path, canaries: dict[str, str]) -> Iterator[None]:
    """This process holds what a runner holds: the model key in its environment, its token in a file."""
    before = os.environ.get("ANTHROPIC_API_KEY")
    os.environ["ANTHROPIC_API_KEY"] = canaries["model key"]
    write_secret(folder / "token", canaries["service token"])
    # What a control is handed is read there by another user.
    (folder / "setup.secret").write_text(canaries["setup secret"])
    (folder / "setup.secret").chmod(0o644)
    try:
        yield
    finally:
        del os.environ["ANTHROPIC_API_KEY"]
        if before is not None:
            os.environ["ANTHROPIC_API_KEY"] = before
