"""The volumes that hold tasks' clones, and the uid that belongs to each."""

import random
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import docker
from docker.errors import NotFound

from errand_runner.sandbox.docker.errors import SandboxFailed
from errand_runner.sandbox.names import Label

# Uids below belong to the host's people and services. A uid belongs to a volume, so that no two sandboxes that live at
# once share the kernel's per-user quotas, and a kept volume opens again under the uid that owns its files.
_FIRST_UID = 200_000
_UID_TRIES = 20


@dataclass(frozen=True)
class Volume:
    """One that is there, and which runner made it.

    `task_id`: whose it is, where it was made before there was a book of that; else empty.
    """

    workspace_id: str
    runner_id: str
    task_id: str = ""


class Workspaces:
    """Every call blocks, and raises what the SDK raises."""

    def __init__(self, client: docker.APIClient) -> None:
        self._client = client

    def open(self, workspace_id: str, *, runner_id: str) -> int:
        """The uid of a volume, which is made if there is none. Raises SandboxFailed."""
        with suppress(NotFound):
            return _uid_of(self._client.inspect_volume(workspace_id))
        spread = 0
        for _ in range(_UID_TRIES):
            uid = _lowest_free(_FIRST_UID + spread, set(self._uids().values()))
            labels = {
                Label.MANAGED: "1",
                Label.RUNNER: runner_id,
                Label.UID: str(uid),
            }
            self._client.create_volume(name=workspace_id, labels=labels)
            # The engine has no lock for this: whoever sees that another took the same uid at the same moment gives way.
            if [taken for other, taken in self._uids().items() if other != workspace_id].count(uid) == 0:
                return uid
            self._client.remove_volume(workspace_id)
            spread = random.randrange(1000)  # noqa: S311 - spreads rivals, protects nothing
        raise SandboxFailed(f"no free uid for workspace {workspace_id} in {_UID_TRIES} tries")

    def remove(self, workspace_id: str) -> None:
        """Deletes a volume; without one, nothing."""
        with suppress(NotFound):
            self._client.remove_volume(workspace_id)

    def all(self) -> list[Volume]:
        """Those that any runner of this host made."""
        return [
            Volume(volume["Name"], volume["Labels"].get(Label.RUNNER, ""), volume["Labels"].get(Label.TASK, ""))
            for volume in self._volumes({Label.MANAGED: "1"})
        ]

    def idle(self) -> list[str]:
        """Those that no container has, running or not."""
        return [volume["Name"] for volume in self._volumes({Label.MANAGED: "1"}, dangling="true")]

    def sizes(self) -> dict[str, int]:
        """Of those whose size the engine tells, in bytes."""
        found = self._client.df()["Volumes"] or []
        managed = (each for each in found if (each["Labels"] or {}).get(Label.MANAGED) == "1")
        return {each["Name"]: each["UsageData"]["Size"] for each in managed if each["UsageData"]["Size"] >= 0}

    def _uids(self) -> dict[str, int]:
        volumes = self._volumes({Label.MANAGED: "1"})
        return {volume["Name"]: _uid_of(volume) for volume in volumes}

    def _volumes(self, labels: Mapping[str, str], **filters: str) -> list[dict[str, Any]]:
        wanted = [f"{key}={value}" for key, value in labels.items()]
        return self._client.volumes(filters={"label": wanted, **filters})["Volumes"] or []


def _uid_of(volume: Mapping[str, Any]) -> int:
    try:
        return int(volume["Labels"][Label.UID])
    except (KeyError, TypeError, ValueError) as exc:
        raise SandboxFailed(f"volume {volume.get('Name')} is not one that Errand made; remove or rename it") from exc


def _lowest_free(base: int, taken: Collection[int]) -> int:
    """The lowest number at or above base that is not taken."""
    uid = base
    while uid in taken:
        uid += 1
    return uid
