"""One examination of a host: a real sandbox is opened, every wall is tried, nothing is left behind."""

import json
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import structlog

from errand_common.clock import Clock
from errand_common.ids import Ids
from errand_common.service import StartError
from errand_runner.config import HostSettings
from errand_runner.doctor.findings import Finding, Verdict, table
from errand_runner.doctor.outside import outside
from errand_runner.doctor.walls import INSIDE, MEMORY
from errand_runner.host import check_runtime
from errand_runner.sandbox import profile
from errand_runner.sandbox.docker import Engine, EngineUnavailable, ImageMissing, Sandbox, SandboxFailed, SandboxSpec
from errand_runner.sandbox.docker.engine import NewConfig
from errand_runner.sandbox.limits import Limits
from errand_runner.sandbox.supervisor import SandboxGone

_PROBE = Path(__file__).with_name("probe.py")
_PROBE_S = 120.0

# A wall that holds at this height holds at any, and is reached soon.
_LOW_PIDS = 128
_LOW_MEMORY_BYTES = 256 << 20

_EATER = "b = []\nwhile len(b) < {most}: b.append(bytearray(1 << 20))"


async def doctor(settings: HostSettings) -> int:
    """`errand-runner doctor`: prints what was tried and found; returns 0 where every wall holds, else 1.

    Raises StartError where no sandbox can be opened at all.
    """
    # What opening a sandbox logs is not what was asked.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    findings = await examine(settings, runner_id=Ids(Clock()).new("rnr"))
    print(table(findings))
    return int(any(each.verdict is Verdict.MISSING for each in findings))


async def examine(
    settings: HostSettings, *, runner_id: str, new_config: NewConfig = profile.container_config
) -> list[Finding]:
    """What is found, with containers that `new_config` asks for, labelled as of this runner. Raises StartError."""
    data = settings.data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    try:
        async with Engine.connect(state_dir=data, base_url=settings.docker_host, new_config=new_config) as engine:
            facts = await engine.facts()
            check_runtime(settings.runtime, facts)
            limits = settings.limits.on(facts.cpus)
            found = list(outside(facts, data=data, runtime=settings.runtime, limits=limits, slots=settings.slots))
            try:
                with tempfile.TemporaryDirectory(prefix="d", dir=data) as folder:
                    spec = _spec(settings, runner_id, Path(folder), limits)
                    async with engine.open(spec) as sandbox:
                        found += [finding async for finding in _inside(sandbox, spec.limits)]
            finally:
                await engine.remove_everything(runner_id)
    except ImageMissing as exc:
        raise StartError(f"ERRAND_SANDBOX_IMAGE={settings.image} is not there: {exc}") from exc
    except (EngineUnavailable, SandboxFailed, SandboxGone) as exc:
        raise StartError(f"no sandbox could be examined: {exc}") from exc
    return found


def _spec(settings: HostSettings, runner_id: str, folder: Path, limits: Limits) -> SandboxSpec:
    ids = Ids(Clock())
    # The socket folder is mounted, and its owner is not the sandbox's user.
    folder.chmod(0o755)
    return SandboxSpec(
        sandbox_id=ids.new("sbx"),
        workspace_id=ids.new("wsp"),
        task_id=ids.new("tsk"),
        runner_id=runner_id,
        image=settings.image,
        socket_dir=folder,
        limits=replace(
            limits,
            pids=min(limits.pids, _LOW_PIDS),
            memory_bytes=min(limits.memory_bytes, _LOW_MEMORY_BYTES),
        ),
        runtime=settings.runtime,
    )


async def _inside(sandbox: Sandbox, limits: Limits) -> AsyncIterator[Finding]:
    for name, (held, found) in (await _probed(sandbox, limits)).items():
        yield Finding.of_wall(INSIDE[name], held=held, found=found)
    yield await _memory(sandbox, limits)


async def _probed(sandbox: Sandbox, limits: Limits) -> Mapping[str, tuple[bool, str]]:
    given = json.dumps({"pids": limits.pids, "open_files": limits.open_files, "file_bytes": limits.file_bytes})
    argv = ["sh", "-c", 'printf %s "$1" | python3 -I -c "$0"', _PROBE.read_text(), given]
    done = await sandbox.supervisor.capture(argv, cwd="/", timeout_s=_PROBE_S)
    try:
        told = json.loads(done.stdout)
        return {name: (told[name][0] is True, str(told[name][1])) for name in INSIDE}
    except (ValueError, LookupError, TypeError) as exc:
        said = done.stderr.decode(errors="replace").strip()
        raise SandboxFailed(f"what tries the walls inside told nothing: {said or done.exit}") from exc


async def _memory(sandbox: Sandbox, limits: Limits) -> Finding:
    """By a command of its own, which does not come back."""
    most = 2 * limits.memory_bytes >> 20
    argv = ["python3", "-I", "-c", _EATER.format(most=most)]
    done = await sandbox.supervisor.capture(argv, cwd="/", timeout_s=_PROBE_S)
    counted = await sandbox.supervisor.counters()
    held = done.exit.signal is not None or counted.memory_kills > 0
    return Finding.of_wall(MEMORY, held=held, found="it was killed" if held else f"it could take {most} MiB")
