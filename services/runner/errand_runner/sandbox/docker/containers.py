"""The containers of sandboxes on an engine: made, found again, paused, removed."""

import math
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import docker
from docker.errors import APIError, ImageNotFound, NotFound

from errand_runner import doorway
from errand_runner.sandbox import profile
from errand_runner.sandbox.docker.errors import SandboxFailed
from errand_runner.sandbox.fresh_volume import workspace_config
from errand_runner.sandbox.names import Label
from errand_runner.sandbox.profile import SandboxSpec

# What another process started in a container ends when that process is gone: its stdin ends with it. Not so where the
# engine was killed: then nobody closes it.
_END_ALL = ["python3", "-I", "-S", "-c", "import os; os.kill(-1, 9)"]
_EXEC_LOOKS = 500
_EXEC_LOOK_S = 0.02
_REMOVAL_S = 30
_CONFLICT = 409
# The engine's init, the shell that looks at the lifeline, and its sleep.
_OWN_PROCESSES = 3


class Containers:
    """Every call blocks, for a bounded time, and raises what the SDK raises."""

    def __init__(self, client: docker.APIClient) -> None:
        self._client = client

    def start(self, config: dict[str, object], spec: SandboxSpec) -> str:
        """The id of a new container, alone on its workspace. Raises SandboxFailed where it cannot be alone."""
        self._clear(spec.workspace_id)
        if spec.workspace_image:
            self._make_ready(spec)
        container_id: str = self._client.create_container_from_config(config, name=spec.sandbox_id)["Id"]  # type: ignore[no-untyped-call]
        self._client.start(container_id)
        return container_id

    def _make_ready(self, spec: SandboxSpec) -> None:
        """Under the sandbox's own name: whatever ends the sandbox removes it."""
        config = workspace_config(spec)
        self._client.create_container_from_config(config, name=spec.sandbox_id)  # type: ignore[no-untyped-call]
        self.remove(spec.sandbox_id)

    def revive(self, spec: SandboxSpec, container_id: str) -> str:
        """The id of the container that another process of this runner left running, with nothing of its in it.

        `container_id` is what is known of it; empty where that process did not get so far. Raises SandboxFailed, with
        why, where the sandbox needs a new container.
        """
        try:
            found = self._client.inspect_container(spec.sandbox_id)
        except NotFound as exc:
            raise SandboxFailed("its container is gone") from exc
        if found["Id"] != (container_id or found["Id"]):
            raise SandboxFailed("its name belongs to another container")
        if not found["State"]["Running"]:
            raise SandboxFailed(f"its container is {found['State']['Status']}")
        if found["Image"] != self._image_id(spec.image, default=found["Image"]):
            raise SandboxFailed(f"its image is no longer {spec.image}")
        self.unpause(found["Id"])
        self._await_no_exec(found["Id"])
        return str(found["Id"])

    def attach(self, container_id: str, opened: ExitStack) -> tuple[str, socket.socket]:
        """A new supervisor: the id of its exec, and the socket to it. What must be closed is put into `opened`."""
        argv = [
            "python3",
            "-I",
            "-S",
            profile.GUEST_FOLDER,
            str(doorway.PORT),
            f"{doorway.FOLDER}/{doorway.SOCKET_NAME}",
        ]
        user = self._user(container_id)
        exec_id: str = self._client.exec_create(container_id, argv, stdin=True, user=user)["Id"]
        raw = self._client.exec_start(exec_id, socket=True)
        assert isinstance(raw, socket.SocketIO), "a unix socket has no other form"
        # The SDK hides the response, whose connection would stay open, in this attribute.
        opened.callback(raw._response.close)  # type: ignore[attr-defined]
        # The SDK's own socket has a time limit on it and belongs to its connection pool.
        connected = socket.socket(fileno=os.dup(raw.fileno()))
        opened.callback(connected.close)
        return exec_id, connected

    def pause(self, container_id: str) -> None:
        """Stops every process of a running container. One that is paused, ended or gone is left as it is."""
        with suppress(NotFound), _allowing_conflict():
            state = self._client.inspect_container(container_id)["State"]
            if state["Running"] and not state["Paused"]:
                self._client.pause(container_id)

    def unpause(self, container_id: str) -> None:
        """Lets a paused container go on. One that is not paused is left as it is."""
        with suppress(NotFound), _allowing_conflict():
            if self._client.inspect_container(container_id)["State"]["Paused"]:
                self._client.unpause(container_id)

    def remove(self, name: str) -> None:
        """Ends and deletes a container; without one, nothing. Returns once it is gone."""
        try:
            # With v, anonymous volumes (of the image) go; the named workspace stays.
            self._client.remove_container(name, v=True, force=True)
        except NotFound:
            pass
        except APIError as exc:
            if exc.status_code != _CONFLICT:
                raise
            # Somebody else removes it at this moment.
            with suppress(NotFound):
                self._client.wait(name, timeout=_REMOVAL_S, condition="removed")

    def sandboxes_of(self, runner_id: str) -> list[str]:
        """All that have a container, running or not."""
        wanted = {"label": [f"{Label.MANAGED}=1", f"{Label.RUNNER}={runner_id}"]}
        return [found["Labels"][Label.SANDBOX] for found in self._client.containers(all=True, filters=wanted)]

    def expired(self, *, before_s: float, but_of: str) -> list[str]:
        """The containers of other runners that nobody may need since then (Unix time)."""
        found = self._client.containers(all=True, filters={"label": [f"{Label.MANAGED}=1"]})
        return [
            str(each["Id"])
            for each in found
            if each["Labels"].get(Label.RUNNER) != but_of and _expiry_s(each["Labels"]) < before_s
        ]

    def _clear(self, volume: str) -> None:
        """A workspace belongs to one container: whatever else has it is of an attempt that is over, and still dies."""
        others = self._on(volume)
        for found in others:
            self.remove(found["Id"])
        if others and (left := self._on(volume)):
            names = ", ".join(str(found["Names"][0]).lstrip("/") for found in left)
            raise SandboxFailed(f"container {names} still has the workspace {volume} and cannot be removed")

    def _on(self, volume: str) -> list[dict[str, Any]]:
        wanted = {"volume": [volume], "label": [f"{Label.MANAGED}=1"]}
        found: list[dict[str, Any]] = self._client.containers(all=True, filters=wanted)
        return found

    def _user(self, container_id: str) -> str:
        """Whose a task's processes in it are: empty for the user that it was made with, as it was done once."""
        uid = self._client.inspect_container(container_id)["Config"]["Labels"].get(Label.UID, "")
        return f"{uid}:{uid}" if uid else ""

    def _image_id(self, image: str, *, default: str) -> str:
        """An image that is gone meanwhile is no reason to give up what runs on it."""
        try:
            return str(self._client.inspect_image(image)["Id"])  # type: ignore[no-untyped-call]
        except ImageNotFound:
            return default

    def _await_no_exec(self, container_id: str) -> None:
        for _ in range(_EXEC_LOOKS):
            if not self._client.inspect_container(container_id)["ExecIDs"]:
                if not self._is_busy(container_id):
                    return
                self._end_strays(container_id)
            time.sleep(_EXEC_LOOK_S)
        raise SandboxFailed("what an earlier process started in it does not end")

    def _is_busy(self, container_id: str) -> bool:
        """Whether more runs in it than what keeps it up. An engine that was started anew under its containers knows of
        none of the processes that it had started in them."""
        try:
            return len(self._client.top(container_id)["Processes"]) > _OWN_PROCESSES
        except APIError:
            # A host without ps: then what the engine knows must do.
            return False

    def _end_strays(self, container_id: str) -> None:
        """All of the task's own that runs in it; what keeps it up is another user's."""
        exec_id: str = self._client.exec_create(container_id, _END_ALL, user=self._user(container_id))["Id"]
        self._client.exec_start(exec_id)


@contextmanager
def _allowing_conflict() -> Iterator[None]:
    """It ended, or became what was asked for, between the look and the call."""
    try:
        yield
    except APIError as exc:
        if exc.status_code != _CONFLICT:
            raise


def _expiry_s(labels: Mapping[str, str]) -> float:
    """Never, where it does not say."""
    expires = labels.get(Label.EXPIRES, "")
    return int(expires) if expires.isascii() and expires.isdigit() else math.inf
