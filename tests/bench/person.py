"""A person by gRPC, and the scheduler and runner beside them, for measurements that need neither gateway nor Docker."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from errand.v1 import account_service_pb2, task_service_pb2
from errand.v1.account_service_pb2_grpc import AccountServiceStub
from errand.v1.task_service_pb2_grpc import TaskServiceStub
from errand_common import rpc
from errand_runner.presence import presence_file
from tests.demo.processes import Processes
from tests.demo.stack import REPOSITORY, SEED, Claude, Stack

if TYPE_CHECKING:
    from errand.v1.task_service_pb2_grpc import TaskServiceAsyncStub

NO_LIMIT = {
    "ERRAND_MAX_RUNNING_PER_USER": "1000000",
    "ERRAND_MAX_PENDING_PER_USER": "1000000",
    "ERRAND_CALLS_PER_SECOND": "0",
}


@dataclass(frozen=True)
class Person:
    """Signed in, with one project."""

    stub: "TaskServiceAsyncStub"
    metadata: tuple[tuple[str, str], ...]
    project_id: str

    async def create(self, prompt: str) -> str:
        """A new task's id."""
        request = task_service_pb2.CreateTaskRequest(project_id=self.project_id, prompt=prompt)
        with rpc.renamed_errors():
            return (await self.stub.CreateTask(request, metadata=self.metadata)).task.task_id


@asynccontextmanager
async def open_bare_stack(image: str = "") -> AsyncIterator[Stack]:
    """A stack of which only GitHub runs, for one owner; whatever is started on it is stopped and removed at the end.
    The image is that of its sandboxes, where there are any."""
    folder = Path(tempfile.mkdtemp(prefix="errand-"))
    stack = Stack(folder, image, Processes(folder), Claude("", ""), single_user=True)
    try:
        await stack.start_github(REPOSITORY, str(SEED))
        yield stack
    finally:
        await stack.processes.stop_all()
        shutil.rmtree(folder)


async def start_runner(stack: Stack, module: str, *, slots: int, env: Mapping[str, str]) -> asyncio.StreamReader:
    """A runner of measurements as a process, with its session open; gives what it prints."""
    data = stack.folder / "runner"
    data.mkdir(exist_ok=True)
    settings = stack.scheduler_as("runners/local") | {"ERRAND_DATA": str(data), "ERRAND_SLOTS": str(slots), **env}
    settings |= {"PYTHONPATH": os.environ.get("PYTHONPATH") or os.getcwd(), "PYTHONUNBUFFERED": "1"}
    runner = await stack.processes.start("runner", module, env=settings)
    await stack.processes.file("runner", presence_file(data))
    assert runner.stdout is not None
    return runner.stdout


@asynccontextmanager
async def signed_in(stack: Stack) -> AsyncIterator[Person]:
    """The owner, by a sign-in link."""
    folder = stack.folder / "scheduler" / "credentials"
    operator, gateway = (rpc.bearer((folder / who / "token").read_text().strip()) for who in ("operator", "gateway"))
    async with rpc.channel(stack.scheduler_address, ca=(folder / "operator" / "ca.pem").read_bytes()) as channel:
        accounts = AccountServiceStub(channel)
        link = await accounts.CreateSignInLink(account_service_pb2.CreateSignInLinkRequest(), metadata=operator)
        redeem = account_service_pb2.RedeemSignInLinkRequest(secret=link.secret, client="bench")
        token = (await accounts.RedeemSignInLink(redeem, metadata=gateway)).tokens.access_token
        add = account_service_pb2.CreateProjectRequest(repository=REPOSITORY)
        project = (await accounts.CreateProject(add, metadata=rpc.bearer(token))).project
        yield Person(TaskServiceStub(channel), rpc.bearer(token), project.project_id)
