"""pip, npm, curl and git work in a sandbox as people expect, with the hosts that the project allows."""

import subprocess
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from errand_common.values import EgressMode, EgressOutcome
from errand_runner.agent.redact import Redactor
from errand_runner.agent.tools import Outcome, Toolbox
from errand_runner.agent.transcript import ToolCall
from errand_runner.broker.egress.rules import Rules
from errand_runner.sandbox.docker import Sandbox
from tests.integration.brokering import Lender, make_broker, open_sandbox
from tests.integration.git_backend import GitBackend
from tests.integration.internet import Mirror, Way, at
from tests.integration.registry import NAME, SAYS, serving_packages
from tests.integration.sandboxing import sh

BUILD_NPM = Path(__file__).with_name("npm_image") / "build"

# As an owner whose registry has an authority of its own would set it in the project's image.
TRUST = (
    "export PIP_CERT=/workspace/ca.pem NODE_EXTRA_CA_CERTS=/workspace/ca.pem CURL_CA_BUNDLE=/workspace/ca.pem"
    " GIT_SSL_CAINFO=/workspace/ca.pem; cd /workspace\n"
)
PIP = f"pip install --index-url https://{NAME}/simple --target lib errand-probe 2>&1"


@pytest.fixture
async def mirror(tmp_path: Path) -> AsyncIterator[Mirror]:
    async with serving_packages(tmp_path) as mirror:
        yield mirror


@pytest.fixture
def way(mirror: Mirror) -> Way:
    return Way(at({NAME: mirror.port}), rules=Rules(EgressMode.ALLOW_LIST, frozenset({NAME})))


@pytest.fixture
async def network(state_dir: Path, way: Way) -> AsyncIterator[None]:
    nowhere = GitBackend(Path(), set(), url="http://127.0.0.1:1/octo/demo.git")
    async with make_broker(state_dir, nowhere, Lender([""]), egress=way.egress()):
        yield


@pytest.fixture
async def box(state_dir: Path, sandbox_image: str, network: None, mirror: Mirror) -> AsyncIterator[Sandbox]:
    async with open_sandbox(state_dir, sandbox_image) as opened:
        await opened.supervisor.write("/workspace/ca.pem", mirror.identity.ca)
        yield opened


async def test_pip_installs_from_an_allowed_host(box: Sandbox, way: Way) -> None:
    said = await sh(box, f"{TRUST}{PIP}; PYTHONPATH=lib python3 -c 'import errand_probe; print(errand_probe.SAYS)'")
    assert said.splitlines()[-1] == SAYS
    use = await way.noted.next()
    assert (use.host, use.outcome) == (NAME, EgressOutcome.CLOSED)
    assert use.received_bytes > 1000


async def test_curl_and_git_reach_an_allowed_host_and_the_sandbox_itself_directly(box: Sandbox, way: Way) -> None:
    script = f"""{TRUST}
        curl -sS https://{NAME}/hello
        git clone --quiet https://{NAME}/other.git && git -C other log -1 --format=%s
        mkdir served && echo own > served/index.html
        python3 -m http.server 8000 --bind 127.0.0.1 --directory served >/dev/null 2>&1 & server=$!
        until curl -s http://127.0.0.1:8000/; do sleep 0.1; done; kill $server
    """
    assert (await sh(box, script, timeout_s=40)).splitlines() == [SAYS, SAYS, "own"]
    assert set(way.internet.resolved) == {NAME}


@pytest.fixture(scope="session")
def npm_image() -> str:
    """The tag of what `make npm-image` built."""
    return subprocess.run([BUILD_NPM, "--print-tag"], check=True, capture_output=True, text=True).stdout.strip()


async def test_npm_installs_from_an_allowed_host(
    state_dir: Path, npm_image: str, network: None, mirror: Mirror, way: Way
) -> None:
    script = f"""{TRUST}
        npm install --silent --no-audit --no-fund --prefix . --registry https://{NAME}/ errand-probe
        node -p 'require("errand-probe")'
    """
    async with open_sandbox(state_dir, npm_image) as box:
        await box.supervisor.write("/workspace/ca.pem", mirror.identity.ca)
        assert (await sh(box, script, timeout_s=50)).splitlines()[-1] == SAYS
        way.rules = Rules()
        again = await sh(box, script.replace("--silent", "--cache again --fetch-retries 0"), timeout_s=50)
        assert "the network is switched off for this project" in again, again


async def test_a_refusal_says_why_in_what_claude_reads(box: Sandbox, way: Way) -> None:
    way.rules = Rules(EgressMode.ALLOW_LIST, frozenset({"other.example"}))
    tools = Toolbox(box.supervisor, workspace="/workspace", redactor=Redactor(), asides=way.ledger.take_words)
    words = f"{NAME} is not among the hosts that this project allows; its owner can allow it in Errand"

    async def told(command: str) -> str:
        async with aclosing(tools.run(ToolCall("toolu_1", "bash", {"command": command, "timeout_s": 50}))) as pieces:
            return [piece.text async for piece in pieces if isinstance(piece, Outcome)][-1]

    curl = await told(f"curl -sS https://{NAME}/hello")
    assert "403" in curl
    assert f"[{words}]" in curl
    pip = await told(f"{TRUST}{PIP} --retries 1")
    assert f"Tunnel connection failed: 403 {words}" in pip
    git = await told(f"git clone --quiet https://{NAME}/other.git")
    assert (f"[{words}]" in git, "403" in git) == (True, True)
    plain = await told("curl -sS http://registry.example/hello; curl -sS http://127.0.0.1:1/")
    assert "only HTTPS leaves this sandbox" in plain
    assert "Failed to connect to 127.0.0.1 port 1" in plain, "what is inside is asked directly"
    assert words not in await told("true"), "each is told once"
