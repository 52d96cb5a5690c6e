"""Generate `errand.v1` from the contract in `protos/` whenever this package is built or installed."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ProtocHook(BuildHookInterface):  # type: ignore[type-arg]
    """Run protoc over `protos/errand/v1`; the output is git-ignored and shipped in the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        here = Path(self.root)
        protos = here.parent.parent / "protos"
        package = here / "errand" / "v1"
        package.mkdir(parents=True, exist_ok=True)
        for stale in package.glob("*_pb2*"):
            stale.unlink()
        for folder in (package.parent, package):
            (folder / "__init__.py").touch()
            (folder / "py.typed").touch()
        sources = sorted(str(path) for path in protos.glob("errand/v1/*.proto"))
        outputs = [f"--{kind}_out={here}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
        # The mypy plugins stand beside the interpreter, which is not on the PATH unless the environment was activated.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{protos}", *outputs, *sources]
        subprocess.run(command, check=True, env={**os.environ, "PATH": path})
