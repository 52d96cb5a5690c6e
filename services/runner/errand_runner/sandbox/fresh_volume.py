"""A fresh volume is made fit to be a workspace, whatever image is to work on it."""

from errand_runner.sandbox.names import Label
from errand_runner.sandbox.profile import WORKSPACE, SandboxSpec


def workspace_config(spec: SandboxSpec) -> dict[str, object]:
    """The request for a container that is never started: making it gives a fresh volume the owner and mode of the
    folder that it covers in `workspace_image`. No program of any image runs for that."""
    return {
        "Image": spec.workspace_image,
        "Cmd": ["true"],
        "NetworkDisabled": True,
        "Labels": {
            Label.MANAGED: "1",
            Label.RUNNER: spec.runner_id,
            Label.SANDBOX: spec.sandbox_id,
            Label.TASK: spec.task_id,
        },
        "HostConfig": {
            "NetworkMode": "none",
            "Mounts": [{"Type": "volume", "Source": spec.workspace_id, "Target": WORKSPACE}],
            "LogConfig": {"Type": "none"},
        },
    }
