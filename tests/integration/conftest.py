"""What the integration tests share: the sandbox image, a broker before a git server, an engine, a scheduler."""

import secrets
import shutil
import tempfile
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import aiohttp
import docker
import pytest

from errand_common.clock import Clock
from errand_common.ids import Ids
from errand_runner.broker.broker import Broker
from errand_runner.sandbox.docker import Engine, Sandbox
from tests.demo.stack import image_tag
from tests.integration.brokering import Lender, make_broker, open_sandbox, unix_http
from tests.integration.git_backend import GitBackend, serve
from tests.integration.sandboxing import MakeSpec, spec_maker
from tests.integration.scheduling import Stack, github_with_repository, stack


@pytest.fixture(scope="session")
def sandbox_image() -> str:
    """The tag of the sandbox image, which `make image` built."""
    return image_tag()


@pytest.fixture
def state_dir() -> Iterator[Path]:
    # Short: a socket's path holds 108 bytes.
    path = Path(tempfile.mkdtemp(prefix="errand-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def password() -> str:
    return f"ghs_{secrets.token_hex(20)}"


@pytest.fixture
async def backend(tmp_path: Path, password: str) -> AsyncGenerator[GitBackend]:
    async with serve(tmp_path, password=password) as server:
        yield server


@pytest.fixture
def lender(password: str) -> Lender:
    return Lender([password])


@pytest.fixture
async def broker(state_dir: Path, backend: GitBackend, lender: Lender) -> AsyncGenerator[Broker]:
    async with make_broker(state_dir, backend, lender) as listening:
        yield listening


@pytest.fixture
async def http(broker: Broker, state_dir: Path) -> AsyncGenerator[aiohttp.ClientSession]:
    async with unix_http(state_dir) as session:
        yield session


@pytest.fixture
async def sandbox(state_dir: Path, sandbox_image: str, broker: Broker) -> AsyncGenerator[Sandbox]:
    async with open_sandbox(state_dir, sandbox_image) as opened:
        yield opened


@pytest.fixture
def ids() -> Ids:
    return Ids(Clock())


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    found = docker.from_env()
    yield found
    found.close()


@pytest.fixture
def runner_id(ids: Ids) -> str:
    return ids.new("rnr")


@pytest.fixture
async def engine(state_dir: Path, runner_id: str) -> AsyncGenerator[Engine]:
    async with Engine.connect(state_dir=state_dir) as connected:
        yield connected
        await connected.remove_everything(runner_id)


@pytest.fixture
def make_spec(ids: Ids, runner_id: str, state_dir: Path, sandbox_image: str) -> MakeSpec:
    return spec_maker(ids, runner_id=runner_id, state_dir=state_dir, image=sandbox_image)


@pytest.fixture
async def running(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Stack]:
    """A scheduler with a GitHub beside it, at the pace of the module's BEAT_S if it has one."""
    pace = {"beat_s": request.module.BEAT_S} if hasattr(request.module, "BEAT_S") else {}
    async with github_with_repository(tmp_path / "github") as github, stack(tmp_path / "data", github, **pace) as each:
        yield each
