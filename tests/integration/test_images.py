"""Images of projects: got from a registry, looked at from inside, and made into sandboxes whatever they hold."""

import asyncio
import os
import subprocess
import uuid
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import docker
import pytest

from errand_common import images
from errand_runner.sandbox.docker import Engine, ImageMissing, SandboxSpec
from tests.integration.sandboxing import MakeSpec, containers, sh
from tests.standins.registry import Registry, registry

Build = Callable[[str], str]


@pytest.fixture
async def shelf(client: docker.DockerClient) -> AsyncGenerator[Registry]:
    """A registry; what was pulled from it is removed from the host."""
    async with registry() as standing:
        yield standing
        for image in client.api.images():
            names = [*(image["RepoTags"] or ()), *(image["RepoDigests"] or ())]
            if any(name.startswith(standing.address) for name in names):
                client.api.remove_image(image["Id"], force=True)


@pytest.fixture
def build(client: docker.DockerClient, sandbox_image: str) -> Iterator[Build]:
    """Makes an image on top of the runner's own, from the rest of a Dockerfile."""
    tags: list[str] = []

    def make(dockerfile: str) -> str:
        tag = f"errand-test-{uuid.uuid4().hex}:1"
        subprocess.run(
            ["docker", "build", "-q", "-t", tag, "-"],
            input=f"FROM {sandbox_image}\n{dockerfile}".encode(),
            check=True,
            capture_output=True,
        )
        tags.append(tag)
        return tag

    yield make
    for tag in tags:
        client.images.remove(tag, force=True)


def named(text: str) -> images.ImageName:
    return images.parse(text)


async def of_project(engine: Engine, make_spec: MakeSpec, default: str, image: str) -> SandboxSpec:
    """As an attempt asks for it."""
    env = await engine.images.look(named(image), make_spec())
    return replace(make_spec(image=image), image_env=env, workspace_image=default)


async def test_an_image_that_is_not_there_is_pulled_and_its_way_is_told(engine: Engine, shelf: Registry) -> None:
    shelf.add("team/ci:1", {"file": os.urandom(2_000_000)})
    image, said = named(shelf.name("team/ci:1")), list[str]()
    assert not await engine.images.has(image)
    await engine.images.get(image, said.append)
    assert await engine.images.has(image)
    assert said[-1] == "1 of 1 layers, 2.0 of 2.0 MB\n"
    assert len(said) < 20, "a line every second, and not one for each of the engine's"


async def test_an_image_can_be_asked_for_by_its_digest(engine: Engine, shelf: Registry) -> None:
    shelf.add("team/ci:1", {"file": b"x"})
    image = named(f"{shelf.name('team/ci:1')}@{shelf.digest('team/ci:1')}")
    await engine.images.get(image, lambda text: None)
    assert await engine.images.has(image)


async def test_an_image_that_is_there_is_not_asked_for_again(engine: Engine, shelf: Registry) -> None:
    shelf.add("ci:1", {"file": b"x"})
    await engine.images.get(named(shelf.name("ci:1")), lambda text: None)
    before = list(shelf.asked)
    await engine.images.get(named(shelf.name("ci:1")), lambda text: None)
    assert shelf.asked == before


@pytest.mark.parametrize("denied", [False, True])
async def test_what_is_not_there_or_not_ours_is_refused_in_words(engine: Engine, shelf: Registry, denied: bool) -> None:
    shelf.denied = denied
    with pytest.raises(
        ImageMissing, match=r"ci:none is not at its registry, or this host may not pull it \(.*docker login"
    ):
        await engine.images.get(named(shelf.name("ci:none")), lambda text: None)


async def test_a_registry_that_cannot_be_reached_is_told_as_such(engine: Engine) -> None:
    with pytest.raises(ImageMissing, match=r"could not be pulled .* reaches the registry"):
        await engine.images.get(named("127.0.0.1:9/ci:1"), lambda text: None)


async def test_a_layer_that_is_cut_off_in_its_middle_is_asked_for_again(engine: Engine, shelf: Registry) -> None:
    shelf.add("ci:1", {"file": os.urandom(500_000)})
    shelf.cuts = 1
    await engine.images.get(named(shelf.name("ci:1")), lambda text: None)
    assert await engine.images.has(named(shelf.name("ci:1")))
    assert len(shelf.asked) > len(set(shelf.asked))


async def test_of_many_that_ask_at_once_one_pulls_and_all_see_it(engine: Engine, shelf: Registry) -> None:
    shelf.add("ci:1", {"file": os.urandom(100_000)})
    shelf.going.clear()
    said: list[list[str]] = [[], [], []]
    async with asyncio.TaskGroup() as group:
        for each in said:
            group.create_task(engine.images.get(named(shelf.name("ci:1")), each.append))
        await shelf.blob_asked.wait()
        shelf.going.set()
    assert shelf.asked.count("ci:1") == 1
    assert said[0] == said[1] == said[2] != []


async def test_who_waited_for_a_pull_that_failed_is_told_the_same(engine: Engine, shelf: Registry) -> None:
    told = await asyncio.gather(
        *(engine.images.get(named(shelf.name("none:1")), lambda text: None) for _ in range(3)), return_exceptions=True
    )
    assert [type(each) for each in told] == [ImageMissing] * 3
    assert len({str(each) for each in told}) == 1
    asked = shelf.asked.count("none:1")
    with pytest.raises(ImageMissing):
        await engine.images.get(named(shelf.name("none:1")), lambda text: None)
    assert shelf.asked.count("none:1") > asked, "who asks later asks anew"


async def test_a_pull_that_is_called_off_ends_at_the_engine_and_leaves_the_next_one_free(
    engine: Engine, shelf: Registry
) -> None:
    shelf.add("ci:1", {"file": os.urandom(100_000)})
    shelf.going.clear()
    pulling = asyncio.ensure_future(engine.images.get(named(shelf.name("ci:1")), lambda text: None))
    await shelf.blob_asked.wait()
    pulling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pulling
    shelf.going.set()
    await engine.images.get(named(shelf.name("ci:1")), lambda text: None)
    assert await engine.images.has(named(shelf.name("ci:1")))


async def test_an_image_without_a_shell_is_refused_with_what_to_do(
    engine: Engine, shelf: Registry, make_spec: MakeSpec, client: docker.DockerClient, runner_id: str
) -> None:
    shelf.add("empty:1", {"file": b"x"})
    await engine.images.get(named(shelf.name("empty:1")), lambda text: None)
    with pytest.raises(ImageMissing, match="has not a sh that runs"):
        await engine.images.look(named(shelf.name("empty:1")), make_spec())
    assert containers(client, runner_id) == []


@pytest.mark.parametrize(
    ("dockerfile", "lacks"),
    [
        ("RUN rm -f /usr/bin/git", "has not git;"),
        ("RUN rm -f /usr/bin/python3*", r"has not python3 \(3.8 or newer\);"),
        ("RUN chmod 755 /tmp", r"has not a /tmp that all may write to \(mode 1777\);"),
        ("RUN rm -f /bin/bash /usr/bin/bash", "has not bash;"),
        ("RUN rm -rf /usr/lib/python3*/ctypes", "has not a python3 with its whole standard library;"),
        ("RUN rm -f /usr/bin/python3* /usr/bin/git", r"has not git, python3 \(3.8 or newer\);"),
        (
            "RUN printf '#!/bin/sh\\nexit 3\\n' > /usr/local/bin/python3 && chmod +x /usr/local/bin/python3",
            "has not a python3 that is 3.8 or newer;",
        ),
    ],
)
async def test_what_an_image_lacks_is_named_with_the_cure(
    engine: Engine, make_spec: MakeSpec, build: Build, dockerfile: str, lacks: str
) -> None:
    image = build(dockerfile)
    for _ in range(2):
        with pytest.raises(ImageMissing, match=rf"{lacks}.*RUN apt-get update && apt-get install -y bash git python3"):
            await engine.images.look(named(image), make_spec())


async def test_an_image_is_looked_at_once(
    engine: Engine, make_spec: MakeSpec, build: Build, client: docker.DockerClient
) -> None:
    image = build("LABEL a=b")
    await engine.images.look(named(image), make_spec())
    image_id = client.images.get(image).id
    began = datetime.now(UTC)
    await asyncio.gather(*(engine.images.look(named(image), make_spec()) for _ in range(3)))
    told = client.api.events(since=began, until=datetime.now(UTC), decode=True, filters={"event": "create"})
    assert [each for each in told if each["from"] in (image, image_id)] == []


async def test_what_looks_at_an_image_is_no_leftover(
    engine: Engine, make_spec: MakeSpec, build: Build, client: docker.DockerClient, runner_id: str
) -> None:
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(engine.images.look(named(build("LABEL a=c")), make_spec()))
        while not containers(client, runner_id):
            assert not looking.done(), "it was never seen"
            await asyncio.sleep(0)
        assert await engine.sweep(runner_id, lambda sandbox_id: False) == []
    assert containers(client, runner_id) == []


ODD = """
RUN install -d -m 755 -o root /workspace && touch /workspace/mine
RUN mkdir -p /opt/tool/bin && printf '#!/bin/sh\\necho tool\\n' > /opt/tool/bin/tool && chmod +x /opt/tool/bin/tool
ENTRYPOINT ["/bin/false"]
CMD ["nothing"]
USER 4711:4711
WORKDIR /nowhere
VOLUME ["/workspace", "/tmp", "/data"]
ENV PATH=/opt/tool/bin:/usr/bin:/bin HOME=/root GIT_DIR=/elsewhere BASH_ENV=/etc/astray PYTHONHOME=/none OWN=kept
HEALTHCHECK CMD false
"""


async def test_what_an_image_says_of_how_it_starts_does_not_matter(
    engine: Engine, make_spec: MakeSpec, build: Build, sandbox_image: str
) -> None:
    spec = await of_project(engine, make_spec, sandbox_image, build(ODD))
    async with engine.open(spec) as sandbox:
        assert await sh(sandbox, "pwd; echo $HOME $OWN ${GIT_DIR-none} ${BASH_ENV-none}; tool; ls -A /workspace") == (
            "/workspace\n/workspace/home kept none none\ntool\nhome\n"
        )
        assert int(await sh(sandbox, "id -u")) >= 200_000
        assert await sh(sandbox, "git init -q repo && touch repo/a /tmp/a && stat -c %a /workspace") == "1777\n"
    async with engine.open(replace(spec, sandbox_id=make_spec().sandbox_id)) as again:
        assert await sh(again, "ls -A /workspace") == "home\nrepo\n"


async def test_an_image_without_a_folder_for_it_gets_a_workspace(
    engine: Engine, make_spec: MakeSpec, build: Build, sandbox_image: str, client: docker.DockerClient, runner_id: str
) -> None:
    spec = await of_project(engine, make_spec, sandbox_image, build("RUN rm -rf /workspace"))
    async with engine.open(spec) as sandbox:
        assert await sh(sandbox, "touch /workspace/a && stat -c '%u %a' /workspace") == "0 1777\n"
        assert containers(client, runner_id) == [spec.sandbox_id]
    assert containers(client, runner_id) == []


async def test_a_kept_workspace_goes_on_in_another_image(
    engine: Engine, make_spec: MakeSpec, build: Build, sandbox_image: str
) -> None:
    first = make_spec()
    async with engine.open(first) as sandbox:
        await sh(sandbox, "echo kept > note")
    other = await of_project(engine, make_spec, sandbox_image, build("RUN rm -rf /workspace"))
    async with engine.open(replace(other, workspace_id=first.workspace_id)) as sandbox:
        assert (
            await sh(sandbox, "cat note && echo more >> note && id -u > /dev/null && cat note") == "kept\nkept\nmore\n"
        )
