"""Credentials are revoked, used twice, copied; certificates are renewed; hosts join with what is wrong."""

import shutil
import ssl
from typing import Any

import grpc
import pytest

from errand.v1 import access_service_pb2 as access
from errand.v1 import dispatch_service_pb2, runner_pb2, task_service_pb2
from errand.v1 import fleet_service_pb2 as pb
from errand.v1.enrolment_service_pb2 import JoinTokenContent
from errand_common import join_token, rpc
from errand_common.clock import Clock
from errand_runner.sandbox.docker import Engine
from errand_scheduler import tls
from tests.certificates import identity
from tests.chaos.fault import fault
from tests.chaos.fleet import joining_settings
from tests.chaos.home import Home
from tests.chaos.middle import middle
from tests.chaos.observer import Observer, check, gapless
from tests.chaos.prompts import began, lines, ran, steps
from tests.chaos.trial import Trial
from tests.chaos.unreliable import unreliable
from tests.e2e.engine_proxy import engine_proxy
from tests.e2e.watching import containers, no_container
from tests.later import FROM_LATER

HOUR_S = 3600.0
CUT_S = 2.0
"""Within which a stream ends whose credential was revoked, which takes no heartbeat."""


@fault("T23", "the certificate is renewed under load; a token is revoked under its stream, and the runner's credential")
async def renewed_and_revoked(trial: Trial) -> None:
    async with trial.own_home() as home:
        folder = home.stack.folder / "scheduler" / "tls"
        async with home.watch(steps(0.5, 6)) as observer:
            await observer.until(began(1))
            # As Errand does by itself where it is not good for much longer.
            (folder / "server.pem").unlink()
            tls.ensure(folder, now_us=Clock().now_us())
            trial.injected()
            with trial.recovery(limit_s=15.0):
                # It connects anew, and the runner's streams stay.
                await home.restart("gateway")
                await home.ready()
                await home.stack.processes.logged("scheduler", "certificate_taken_up")
            await check(observer)
        assert observer.trace() == lines(6)
        with home.stack.processes.log_of("runner").open() as log:
            assert '"session_broken"' not in log.read(), "a stream was cut"
        async with home.watch("Steps: sleep 600") as observer:
            await observer.until(ran("sleep 600"))
            await _token_revoked(trial, home, observer)
            await home.operator.stub.RevokeRunner(
                pb.RevokeRunnerRequest(runner="local"), metadata=home.operator.metadata
            )
            trial.injected()
            with trial.recovery(limit_s=10.0):
                code = await home.died("runner")
            assert code != 0, "it went on"
            await home.phone.stop(observer.task)
            ended = await observer.ended()
            assert ended["status"] == "cancelled" or ended["failure_reason"] == "runner_lost", ended
            await gapless(observer)
            # It has no say any more: what it left, if anything, whoever looks after the host removes.
            for left in containers(observer.task):
                await home.docker("rm", "--force", left)
    trial.checked("no event is lost through the renewal", "cut off within a heartbeat", "I8")


async def _token_revoked(trial: Trial, home: Home, observer: Observer) -> None:
    operator, me = home.operator, await home.phone.me()
    asked = access.CreateTokenRequest(name="watcher", scopes=["tasks:read"], user_id=me["user_id"])
    made = await operator.access.CreateToken(asked, metadata=operator.metadata)
    request = task_service_pb2.WatchEventsRequest(task_id=observer.task["task_id"])
    stream = operator.tasks.WatchEvents(request, metadata=rpc.bearer(made.secret), timeout=60)
    assert await stream.read() is not grpc.aio.EOF
    await operator.access.RevokeToken(
        access.RevokeTokenRequest(token_id=made.token.token_id), metadata=operator.metadata
    )
    trial.injected()
    with trial.recovery(limit_s=CUT_S), pytest.raises(grpc.aio.AioRpcError) as cut:
        await _to_its_end(stream)
    assert cut.value.code() is grpc.StatusCode.UNAUTHENTICATED, cut.value


async def _to_its_end(stream: grpc.aio.UnaryStreamCall[Any, Any]) -> None:
    while await stream.read() is not grpc.aio.EOF:
        pass


@fault("T26", "a copy of the runner's data folder works on a second host")
async def doubled(trial: Trial) -> None:
    async with trial.own_home(beat_s=0.5) as home, home.watch(steps(1.0, 3)) as observer:
        await observer.until(began(0))
        folder = home.stack.folder / "copy"
        shutil.copytree(home.stack.folder / "runner", folder, ignore=shutil.ignore_patterns("s", "*.sock", "lock"))
        async with engine_proxy(home.stack.folder) as elsewhere:
            # Of the same machine's Docker it sees nothing that is the first one's, as on a host of its own.
            elsewhere.rename((b"rnr_0", b"rnr_z"), (b"sbx_0", b"sbx_z"), (b"wsp_0", b"wsp_z"))
            settings = {"ERRAND_DATA": str(folder), "DOCKER_HOST": elsewhere.docker_host}
            env = home.stack._env(**home.stack._runner_settings() | settings)
            await home.stack.processes.start("copy", "errand_runner", env=env)
            trial.injected()
            with trial.recovery(limit_s=30.0):
                await home.stack.processes.logged("scheduler", "runner_quarantined")
            ended = await observer.ended()
            await home.stack.processes.stop("copy")
            async with Engine.connect(state_dir=folder, base_url=elsewhere.docker_host) as engine:
                for runner_id in home.stack.runner_ids():
                    await engine.remove_everything(runner_id)
        trace = observer.trace() if ended["status"] == "completed" else []
        assert sorted(set(trace)) == trace, f"a command ran twice: {trace}"
        await gapless(observer)
        # Who is quarantined stands still, and learns what became of its task when it is let in again: after 30 s here.
        await no_container(observer.task)
    trial.checked("quarantined, and told", "no command ran twice", "I8")


@fault("T40", "runners of the release before and of the next one say and tell what this scheduler does not know")
async def other_release(trial: Trial) -> None:
    async with trial.own_home() as home, middle(home.stack) as between:
        between.changed["StreamEvents"] = _unheard_of
        for release in (_older, _newer):
            between.changed["OpenSession"] = release
            await home.reconnect("runner", between.address)
            trial.injected()
            async with home.watch(steps(0.2, 3)) as observer:
                await check(observer)
                ((attempt_id, _, _),) = observer.attempts()
                assert any(FROM_LATER in body for _, body in observer.told(attempt_id)), "it was not kept"
            assert observer.trace() == lines(3)
    trial.checked("works, with what both know", "what is not known is stored, and told", "I8")


def _older(data: bytes) -> bytes:
    """Of before there were numbers and features."""
    request = dispatch_service_pb2.OpenSessionRequest.FromString(data)
    request.ClearField("protocol")
    request.ClearField("features")
    return request.SerializeToString()


def _newer(data: bytes) -> bytes:
    """One conversation, a feature and a field on."""
    request = dispatch_service_pb2.OpenSessionRequest.FromString(data)
    request.protocol.newest += 1
    request.features.append("levitation")
    return request.SerializeToString() + FROM_LATER


def _unheard_of(data: bytes) -> bytes:
    """What a step took becomes an event of a kind that is not known."""
    request = dispatch_service_pb2.StreamEventsRequest.FromString(data)
    for batch in request.batches:
        for event in batch.events:
            if event.body.WhichOneof("kind") == "step_finished":
                event.body.Clear()
                event.body.MergeFromString(FROM_LATER)
    return request.SerializeToString()


@fault(
    "T43",
    "hosts join with a token twice, too late, with another CA in it, with one that never was; the answer is lost",
    needs=("cc",),
)
async def joined_wrongly(trial: Trial) -> None:
    async with (
        unreliable() as library,
        trial.own_home(scheduler=library.settings) as home,
        middle(home.stack) as between,
    ):
        between.lost["Join"] = 1
        token = await home.operator.token(scheduler=between.address)
        with trial.recovery(limit_s=60.0):
            await _join(home, "first", token)
            await home.operator.until("first", runner_pb2.RUNNER_CONDITION_READY)
        trial.injected()
        assert not between.lost["Join"]
        joins = [call.request for call in between.seen if call.method.endswith("/Join")]
        assert len(joins) >= 2, "it did not ask again"
        assert len(set(joins)) == 1, "it asked for something else"
        good = join_token.read(await home.operator.token())
        other_ca = join_token.write(_with(good, ca=ssl.PEM_cert_to_DER_cert(identity().ca.decode())))
        never = join_token.write(_with(good, secret="x" * len(good.secret)))
        for wrong, words in ((token, "used already"), (other_ca, "is not of the CA"), (never, "is unknown")):
            await _refused(trial, home, wrong, words)
        library.move_clocks(wall_s=2 * HOUR_S)
        await _refused(trial, home, join_token.write(good), "was good until")
        library.move_clocks()
        assert {each.name for each in await home.operator.runners()} == {"local", "first"}
        await _join(home, "good", join_token.write(good))
        await home.operator.until("good", runner_pb2.RUNNER_CONDITION_READY)
        for name in ("first", "good"):
            await home.stack.processes.stop(name)
    trial.checked("refused, in words", "the same credential for the same request", "a good token still works")


async def _refused(trial: Trial, home: Home, token: str, words: str) -> None:
    """A host that cannot join, and is told why."""
    name = words.replace(" ", "-")
    await _join(home, name, token)
    trial.injected()
    assert await home.died(name) != 0, f"it joined, though its token {words}"
    said = home.stack.processes.log_of(name).read_text()
    assert words in said, said


def _with(token: JoinTokenContent, **changed: object) -> JoinTokenContent:
    other = JoinTokenContent()
    other.CopyFrom(token)
    for name, value in changed.items():
        setattr(other, name, value)
    return other


async def _join(home: Home, name: str, token: str) -> None:
    """`errand-runner join`, which works from then on where it is taken."""
    env = joining_settings(home.stack, home.stack.folder / name)
    arguments = ("join", token, "--name", name, "--slots", "1")
    await home.stack.processes.start(name, "errand_runner", *arguments, env=env)
