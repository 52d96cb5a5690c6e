"""supervisord: it starts the services, starts again what ends, and rotates their logs."""

import hashlib
import json
import os
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from supervisor.xmlrpc import SupervisorTransport

from errand_local.layout import SERVICES, Layout

_START_S = 20.0
_STOP_S = 60.0
_LOOK_S = 0.1

_CONFIG = """\
; code {code}
[supervisord]
logfile={log}
logfile_maxbytes=1MB
logfile_backups=1
pidfile={local}/supervisord.pid
childlogdir={local}
umask=077
directory={root}

[unix_http_server]
file={control}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""

# A start that fails is tried again after 1, 2, 3, ... seconds, for about six hours: the cause may go away by itself.
_PROGRAM = """
[program:{name}]
command={python} -m errand_local.launch {name} {environment}
priority={priority}
autorestart=true
startsecs=3
startretries=200
stopsignal=TERM
stopwaitsecs=20
redirect_stderr=true
stdout_logfile={log}
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
"""


class SupervisionFailed(Exception):
    """supervisord does not do what it should; the message says what was found and what to do."""


@dataclass(frozen=True)
class State:
    """How a service stands, in supervisord's words: RUNNING, STARTING, BACKOFF, FATAL, ...; `pid` is 0 without one."""

    name: str
    words: str
    pid: int

    @property
    def failing(self) -> bool:
        """Whether it ended by itself."""
        return self.words in ("BACKOFF", "FATAL", "EXITED")


class Supervision:
    """supervisord of one folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def differs(self, environments: Mapping[str, Mapping[str, str]]) -> bool:
        """Whether something else is to run than was written down."""
        files = self._files(environments)
        return any(not path.exists() or path.read_text() != content for path, content in files.items())

    def prepare(self, environments: Mapping[str, Mapping[str, str]]) -> None:
        """Write down what is to run."""
        self._layout.local.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._layout.log("any").parent.mkdir(exist_ok=True, mode=0o700)
        for path, content in self._files(environments).items():
            _write(path, content)

    def command(self, *, foreground: bool) -> list[str]:
        """How supervisord is started."""
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._layout.supervisor_config)]
        return [*command, "--nodaemon"] if foreground else command

    def start(self) -> None:
        """Start supervisord, which starts everything. Raises SupervisionFailed."""
        done = subprocess.run(
            self.command(foreground=False), env=plain_environment(), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SupervisionFailed(f"supervisord did not start: {(done.stderr or done.stdout).strip()[-500:]}")
        give_up_s = time.monotonic() + _START_S
        while not self.running():
            if time.monotonic() > give_up_s:
                raise SupervisionFailed(f"supervisord does not answer; {self._layout.log('supervisord')} says why")
            time.sleep(_LOOK_S)

    def running(self) -> bool:
        """Whether supervisord answers."""
        try:
            with self._proxy() as proxy:
                proxy.supervisor.getState()
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except (OSError, xmlrpc.client.Error) as exc:
            raise SupervisionFailed(f"supervisord of {self._layout.root} cannot be asked ({exc})") from exc
        return True

    def states(self) -> list[State]:
        """How every service stands. Raises SupervisionFailed."""
        try:
            with self._proxy() as proxy:
                found = proxy.supervisor.getAllProcessInfo()
        except (OSError, xmlrpc.client.Error) as exc:
            raise SupervisionFailed(f"supervisord went away ({exc}); run `make up` again") from exc
        by_name = {str(each["name"]): each for each in _dictionaries(found)}
        return [_state(name, by_name[name]) for name in SERVICES]

    def stop(self) -> bool:
        """Stop everything, the last started first; false when nothing ran. Raises SupervisionFailed."""
        if not self.running():
            return False
        with self._proxy() as proxy:
            pid = int(str(proxy.supervisor.getPID()))
            proxy.supervisor.shutdown()
        give_up_s = time.monotonic() + _STOP_S
        while _lives(pid):
            if time.monotonic() > give_up_s:
                raise SupervisionFailed(f"supervisord ({pid}) does not end; {self._layout.log('supervisord')} says why")
            time.sleep(_LOOK_S)
        return True

    def _files(self, environments: Mapping[str, Mapping[str, str]]) -> dict[Path, str]:
        files = {self._layout.environment(name): json.dumps(environments[name], sort_keys=True) for name in SERVICES}
        return files | {self._layout.supervisor_config: self._configuration()}

    def _proxy(self) -> xmlrpc.client.ServerProxy:
        transport = SupervisorTransport(serverurl=f"unix://{self._layout.control}")
        return xmlrpc.client.ServerProxy("http://localhost", transport=transport)

    def _configuration(self) -> str:
        layout = self._layout
        values = {
            "code": _code(),
            "log": layout.log("supervisord"),
            "local": layout.local,
            "root": layout.root,
            "control": layout.control,
        }
        programs = [
            _PROGRAM.format(
                name=name,
                python=_literal(_quoted(sys.executable)),
                environment=_literal(_quoted(str(layout.environment(name)))),
                priority=priority,
                log=_literal(str(layout.log(name))),
            )
            for priority, name in enumerate(SERVICES, start=1)
        ]
        return _CONFIG.format(**{key: _literal(str(value)) for key, value in values.items()}) + "".join(programs)


def plain_environment() -> dict[str, str]:
    """This process's environment without settings of Errand's: supervisord hands its own on to all that it starts."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("ERRAND_", "ANTHROPIC_"))}


def _code() -> str:
    """A mark of the code that runs: after an update `make up` starts anew."""
    folder = Path(__file__).parents[3]
    sources = sorted(path for part in ("libs", "services") for path in (folder / part).rglob("*.py"))
    marks = "".join(f"{path} {path.stat().st_mtime_ns}\n" for path in sources)
    return hashlib.sha256(marks.encode()).hexdigest()[:16]


def _write(path: Path, content: str) -> None:
    part = path.with_name(f"{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    part.replace(path)


def _literal(value: str) -> str:
    """supervisord expands what stands behind a percent sign."""
    return value.replace("%", "%%")


def _quoted(path: str) -> str:
    return f'"{path}"'


def _lives(pid: int) -> bool:
    # Not os.kill: where nobody reaps, a zombie keeps its pid.
    return Path(f"/proc/{pid}/exe").exists()


def _state(name: str, found: dict[str, object]) -> State:
    return State(name, str(found["statename"]), int(str(found["pid"])))


def _dictionaries(found: object) -> list[dict[str, object]]:
    return cast(list[dict[str, object]], found)
