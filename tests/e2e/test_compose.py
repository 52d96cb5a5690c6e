"""`compose.yaml`: a whole Errand behind TLS, each service with its own, and all of it back after a restart."""

import asyncio
import json
import re
import ssl

import pytest
import pytest_asyncio

from errand_common.config import Settings, variables
from errand_gateway.config import GatewaySettings
from errand_runner.config import RunnerSettings
from errand_scheduler.config import SchedulerSettings
from tests.certificates import identity
from tests.demo.outside import check_out_branch, run_tests
from tests.demo.phone import Phone
from tests.demo.stack import REPOSITORY, USER
from tests.demo.story import PROMPT
from tests.e2e import composing
from tests.e2e.composed import READY_S, SERVICES, open_composed
from tests.e2e.watching import history, run

# The images are built first, from nothing where nobody has done so before.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]

LINK = re.compile(r"^\s*(https://\S+/#/link/\S+)$", re.MULTILINE)
SETTINGS: dict[str, type[Settings]] = {
    "gateway": GatewaySettings,
    "scheduler": SchedulerSettings,
    "runner": RunnerSettings,
}
# Where nothing is to be chosen: the keys lie in a volume, Docker's socket is mounted, nobody waits for an address.
NOT_TO_BE_SET = {"ERRAND_SECRET_KEYS_FILE", "DOCKER_HOST", "ERRAND_ADDRESS_FILE"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def composed():
    async with open_composed("demo") as running:
        yield running
    assert running.left_over() == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def phone(composed):
    """A phone that trusts Caddy's own authority, on which the link was opened."""
    (link,) = LINK.findall(await composed.compose("exec", "-T", "scheduler", "errand-scheduler", "link"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SSL_CERT_FILE", str(composed.authority))
        async with Phone.open(composed.url) as opened:
            await opened.sign_in_by_link(link)
            yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def task(phone):
    """A finished errand, posted over https and watched over wss."""
    return await run(phone, await phone.add_project(REPOSITORY), PROMPT)


def environment(composed, service):
    """The variables of a service's container."""
    found = composing.inspect(composed.container(service))["Config"]["Env"]
    return dict(entry.split("=", 1) for entry in found)


async def test_a_task_posted_through_caddy_becomes_a_branch_that_passes_its_tests(composed, phone, task, tmp_path):
    assert task["status"] == "completed", task
    assert (await phone.me())["github_username"] == USER
    check_out_branch(composed.repository, task["branch"], tmp_path / "clone")
    run_tests(tmp_path / "clone")


async def test_of_a_finished_task_nothing_stays_in_docker_but_its_workspace(composed, task):
    assert composing.labelled(errand_task=task["task_id"]) == []
    (runner_id,) = await composed.find_runners()
    # One container may wait for the next task, whoever's that will be.
    waiting = composing.docker("ps", "--quiet", "--filter", f"label=errand.runner={runner_id}").split()
    assert len(waiting) <= 1
    left = set(composing.labelled(errand_runner=runner_id)) - set(waiting)
    assert {name.split("_")[0] for name in left} == {"wsp"}


@pytest.mark.parametrize("service", SETTINGS)
async def test_each_service_is_told_every_setting_of_its_own_and_no_other(composed, service):
    ours = {name for name in environment(composed, service) if name.startswith(("ERRAND_", "ANTHROPIC_"))}

    assert ours == set(variables(SETTINGS[service])) - NOT_TO_BE_SET


async def test_a_secret_is_told_to_one_service_alone(composed):
    told = {service: environment(composed, service).values() for service in SERVICES}

    for name, holder in (("ANTHROPIC_API_KEY", "runner"), ("ERRAND_GITHUB_TOKEN", "scheduler")):
        assert [service for service in SERVICES if composed.settings[name] in told[service]] == [holder]


async def test_an_operator_installs_nothing_and_signs_in_nowhere(composed, task):
    assert await conditions(composed) == [("local", "ready")]


async def test_gateway_and_runner_see_their_credential_and_nothing_else_of_the_scheduler(composed):
    mounts = {
        service: {mount["Destination"] for mount in composing.inspect(composed.container(service))["Mounts"]}
        for service in ("gateway", "runner")
    }
    state = f"{composed.folder}/runner"

    assert mounts["gateway"] == {"/run/errand/credentials"}
    assert mounts["runner"] == {"/run/errand/credentials", "/var/run/docker.sock", state}
    for service in mounts:
        listed = composing.docker("exec", composed.container(service), "ls", "/run/errand/credentials")
        assert listed.split() == ["ca.pem", "token"]


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_is_confined_and_bounded_and_comes_back(composed, service):
    inspected = composing.inspect(composed.container(service))
    host = inspected["HostConfig"]

    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-file": "5", "max-size": "10m"}}
    if service in ("gateway", "scheduler"):
        assert inspected["Config"]["User"] == "10001:10001"
        assert not host["CapAdd"]
    if service != "caddy":
        assert inspected["State"]["Health"]["Status"] == "healthy"


async def test_no_secret_and_no_prompt_is_in_any_log(composed, phone, task):
    logs = await composed.compose("logs", "--no-color")
    tokens = [
        composing.docker("exec", composed.container(service), "cat", "/run/errand/credentials/token").strip()
        for service in ("gateway", "runner")
    ]
    secrets = [*tokens, *(composed.settings[name] for name in ("ANTHROPIC_API_KEY", "ERRAND_GITHUB_TOKEN"))]

    assert task["task_id"] in logs
    assert [word[:8] for word in (*secrets, phone.access_token, phone.refresh_token, PROMPT) if word in logs] == []


async def test_all_history_is_the_same_after_all_was_taken_down_and_came_back_with_a_certificate_of_ones_own(
    composed, phone, task
):
    before = await history(phone, task)

    await composed.compose("down")
    own = identity()
    show(composed, own)
    await composed.up()

    assert await history(phone, task) == before
    assert len(before["messages"]) > 5
    host, _, port = composed.settings["ERRAND_SCHEDULER_LISTEN"].rpartition(":")
    assert ssl.get_server_certificate((host, int(port))) == own.certificate.decode()
    async with asyncio.timeout(READY_S):
        # It trusts the other authority from now on, too.
        while await conditions(composed) != [("local", "ready")]:
            await asyncio.sleep(0.5)


def show(composed, own):
    """The settings and files of an operator with a certificate, readable by the scheduler's uid."""
    for name, content in (("CERTIFICATE", own.certificate), ("KEY", own.key), ("CA", own.ca)):
        file = composed.folder / f"own-{name.lower()}.pem"
        file.write_bytes(content)
        file.chmod(0o644)
        composed.settings[f"ERRAND_TLS_{name}_FILE"] = str(file)


async def conditions(composed):
    listed = await composed.compose("exec", "-T", "scheduler", "errand", "runner", "list", "--json")
    return [(each["name"], each["condition"]) for each in json.loads(listed)["runners"]]
