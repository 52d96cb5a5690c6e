"""The certificate is renewed while people watch and runners send: new connections see it, and nothing is lost."""

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path

from cryptography import x509

from errand.v1 import account_service_pb2 as accounts
from errand.v1.account_service_pb2_grpc import AccountServiceStub
from errand_common import rpc
from errand_common.addresses import split
from errand_common.clock import Clock
from errand_scheduler import tls
from errand_scheduler.certificates import keep_own_fresh
from errand_scheduler.folder import DataFolder
from tests.certificates import Identity, identity
from tests.integration.moved_clock import MovedClock
from tests.integration.scheduling import (
    DEADLINE_S,
    Stack,
    Watch,
    github_with_repository,
    inputs_event,
    new_task,
    settings,
    stack,
    tool_events,
)

CALLS, RENEWED_AT = 60, 20


async def test_a_renewal_under_load_shows_in_new_connections_and_loses_no_event(running: Stack) -> None:
    person, task = await new_task(running)
    first = await shown(running)
    async with running.runner() as runner:
        assignment = await runner.take()
        ref = assignment.attempt
        await runner.send(ref, inputs_event(assignment))
        watch = person.watch(task.task_id)

        async def work() -> None:
            for number in range(CALLS):
                await runner.send(ref, *tool_events(f"call{number}"))
                if number == RENEWED_AT:
                    renew(running)

        async with runner.beating(ref), asyncio.TaskGroup() as group:
            group.create_task(work())
            seen = group.create_task(until_the_last_call(watch))
        watch.cancel()
        told = [event.cursor for event in await person.events(task.task_id)]
        assert seen.result() == told[: len(seen.result())]
        assert len(seen.result()) >= 2 * CALLS
    second = await shown(running)
    assert second != first
    await a_new_connection_works(running)


async def test_errands_own_is_renewed_by_itself(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    before = tls.ensure(folder.tls, now_us=Clock().now_us())
    clock = MovedClock()
    clock.ahead_s = timedelta(days=61).total_seconds()
    async with asyncio.TaskGroup() as group, asyncio.timeout(DEADLINE_S):
        keeping = group.create_task(keep_own_fresh(folder, clock, look_s=0.01))
        while (folder.tls / "server.pem").read_bytes() == before.certificate:
            await asyncio.sleep(0.01)
        keeping.cancel()


async def test_a_given_certificate_is_shown_and_a_bad_one_in_its_place_is_not(tmp_path: Path) -> None:
    given, files = identity(), tmp_path / "given"
    files.mkdir()
    lay(files, given)
    names = {
        "ERRAND_TLS_CERTIFICATE_FILE": str(files / "certificate.pem"),
        "ERRAND_TLS_KEY_FILE": str(files / "key.pem"),
        "ERRAND_TLS_CA_FILE": str(files / "ca.pem"),
    }
    async with github_with_repository(tmp_path / "github") as github:
        wanted = settings(tmp_path / "data", github, beat_s=0.5, **names)
        async with stack(tmp_path / "data", github, wanted=wanted) as running:
            await a_new_connection_works(running)
            assert (tmp_path / "data/credentials/gateway/ca.pem").read_bytes() == given.ca
            first = await shown(running)
            (files / "certificate.pem").write_bytes(identity().certificate)
            assert await shown(running) == first, "nobody could connect with that"
            await a_new_connection_works(running)


def renew(running: Stack) -> None:
    """As Errand does by itself where the certificate is not good for much longer."""
    folder = DataFolder(running.data).tls
    (folder / "server.pem").unlink()
    tls.ensure(folder, now_us=Clock().now_us())


def lay(folder: Path, given: Identity) -> None:
    for name, content in (("certificate", given.certificate), ("key", given.key), ("ca", given.ca)):
        (folder / f"{name}.pem").write_bytes(content)


async def shown(running: Stack) -> int:
    """The number of the certificate that a new connection is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    async with asyncio.timeout(DEADLINE_S):
        _, writer = await asyncio.open_connection(*split(running.address), ssl=context)
    certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return x509.load_der_x509_certificate(certificate).serial_number


async def a_new_connection_works(running: Stack) -> None:
    ca = (running.data / "credentials/gateway/ca.pem").read_bytes()
    async with rpc.channel(running.address, ca=ca) as channel:
        request = accounts.CreateSignInLinkRequest()
        operator = rpc.bearer(running.operator_token)
        await AccountServiceStub(channel).CreateSignInLink(request, metadata=operator, timeout=DEADLINE_S)


async def until_the_last_call(watch: Watch) -> list[str]:
    """The cursors of what is told, up to the end of the last call."""
    cursors = []
    async with asyncio.timeout(DEADLINE_S):
        while True:
            item = await watch.next()
            if item.kind == "event":
                cursors.append(item.event.cursor)
                if item.event.body.tool_call_finished.tool_call_id == f"call{CALLS - 1}":
                    return cursors
