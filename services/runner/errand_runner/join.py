"""`errand-runner join TOKEN`: makes this host a runner. Nothing is used up before all that it needs is there."""

import argparse
import os
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from errand.v1.enrolment_service_pb2 import JoinTokenContent
from errand.v1.enrolment_service_pb2_grpc import EnrolmentServiceStub
from errand_common import config, images, join_token, rpc
from errand_common.clock import Clock
from errand_common.credentials import read_secret
from errand_common.labels import shown
from errand_common.service import StartError
from errand_runner.config import RunnerSettings
from errand_runner.enrolling import Enrolling, host_name, request_id
from errand_runner.host import ready_host
from errand_runner.joined import DATA, Joined
from errand_runner.sandbox.docker import Engine, ImageMissing

_IMAGE = "ERRAND_SANDBOX_IMAGE"
_KEY = "ANTHROPIC_API_KEY"
_USUAL_IMAGE = "errand-sandbox"


def add_join_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("token", metavar="TOKEN", help="the line that `errand runner token create` printed")
    parser.add_argument("--key-file", type=Path, metavar="FILE", help=f"a file with the key for Claude; else {_KEY}")
    parser.add_argument("--name", help="how people call this host; without it, its host name")
    parser.add_argument("--slots", type=int, help="how many tasks it works on at once; without it ERRAND_SLOTS, or 2")
    parser.add_argument("--data", type=Path, metavar="DIR", help=f"its state; without it {DATA}, or data/runner")
    parser.add_argument("--image", help=f"the sandbox image; without it {_IMAGE}, or {_USUAL_IMAGE}")
    parser.add_argument("--no-run", action="store_true", help="only join; `errand-runner` works on tasks then")


@dataclass(frozen=True)
class _Joining:
    """What is to be done. `kept` are the settings that this host begins with from now on."""

    content: JoinTokenContent
    joined: Joined
    settings: RunnerSettings
    kept: Mapping[str, str]
    name: str


async def join(arguments: argparse.Namespace) -> int:
    """Join, then become the runner. Raises ConfigError and StartError."""
    joining = _prepared(arguments)
    name = await _join(joining)
    data = joining.joined.data
    if arguments.no_run:
        _say(f"this host is the runner {name}; start errand-runner with {DATA}={data}")
        return 0
    _say(f"this host is the runner {name} and works from now on; later, start errand-runner with {DATA}={data}")
    # As any later start: a process of its own settings.
    os.execve(sys.executable, [sys.executable, "-m", "errand_runner"], {**os.environ, DATA: str(data)})  # noqa: S606
    raise AssertionError("another program runs now")


def _prepared(arguments: argparse.Namespace) -> _Joining:
    content = _content(arguments.token)
    chosen = _chosen(arguments)
    data = Path(chosen.get(DATA) or os.environ.get(DATA) or RunnerSettings.model_fields["data"].default).resolve()
    joined = Joined(data)
    if joined.is_there:
        raise StartError(f"this host joined already; start errand-runner, or remove {joined.folder} and join anew")
    kept = chosen | {
        "ERRAND_SCHEDULER": content.scheduler,
        "ERRAND_CA_FILE": str(joined.ca),
        "ERRAND_TOKEN_FILE": str(joined.token),
    }
    settings = config.load(RunnerSettings, **{**kept, DATA: str(data)})
    return _Joining(content, joined, settings, kept, arguments.name or host_name())


async def _join(joining: _Joining) -> str:
    """The runner's name. Everything is looked at first."""
    content, joined, settings = joining.content, joining.joined, joining.settings
    ca = ssl.DER_cert_to_PEM_cert(content.ca)
    async with ready_host(settings, see_to_image=_pull):
        _say(f"Docker and disk are fit, and the image {settings.image} is there")
        await _check_key(settings)
        async with rpc.channel(content.scheduler, ca=ca.encode()) as channel:
            enrolling = Enrolling(EnrolmentServiceStub(channel), content)
            good = await enrolling.check(Clock())
            _say(f"the scheduler at {content.scheduler} takes this host" + _with(good.labels))
            answer = await enrolling.join(request_id(joined, content.secret), joining.name)
        try:
            joined.store(token=answer.token, ca=ca, settings=joining.kept)
        except OSError as exc:
            raise StartError(
                f"what this host was told cannot be kept ({exc}); run the same again, within the hour"
            ) from exc
    return answer.name


async def _check_key(settings: RunnerSettings) -> None:
    # Claude's SDK takes a second to import: whoever mistyped the token should not wait for it.
    from errand_runner.agent.model import Model
    from errand_runner.agent.probe import probe

    model = Model(api_key=settings.model_key.get_secret_value(), base_url=settings.model_url, headers=settings.headers)
    try:
        is_good = await probe(model, settings.model)
    finally:
        await model.close()
    told = "takes the key for Claude" if is_good else "did not say whether it takes the key; the first task will show"
    _say(f"{settings.model_url} {told}")


async def _pull(engine: Engine, image: str) -> None:
    name = images.parse(image)
    if not await engine.images.has(name):
        _say(f"pulling {name}")
    try:
        await engine.images.get(name, lambda _: None)
    except ImageMissing as exc:
        raise StartError(
            f"{_IMAGE}={image} is neither there nor pulled ({exc}); build it here with `make image`"
        ) from exc


def _content(line: str) -> JoinTokenContent:
    try:
        return join_token.read(line)
    except ValueError as exc:
        raise StartError(str(exc)) from exc


def _chosen(arguments: argparse.Namespace) -> dict[str, str]:
    """What the command line says, as settings."""
    chosen: dict[str, str] = {}
    if arguments.slots is not None:
        chosen["ERRAND_SLOTS"] = str(arguments.slots)
    if arguments.data is not None:
        chosen[DATA] = str(arguments.data)
    if arguments.image or not os.environ.get(_IMAGE):
        chosen[_IMAGE] = arguments.image or _USUAL_IMAGE
    if arguments.key_file is not None:
        try:
            chosen[_KEY] = read_secret(arguments.key_file)
        except (OSError, ValueError) as exc:
            raise StartError(f"--key-file {arguments.key_file} cannot be read: {exc}") from exc
    return chosen


def _with(labels: Mapping[str, str]) -> str:
    return f", with the labels {shown(labels)}" if labels else ""


def _say(words: str) -> None:
    print(words, flush=True)
