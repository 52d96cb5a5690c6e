"""Claude's commands in a real sandbox: what they write is kept there, and looked into there."""

from contextlib import aclosing

from errand_runner.agent.redact import Redactor
from errand_runner.agent.tools import Outcome, Toolbox
from errand_runner.agent.transcript import ToolCall
from errand_runner.sandbox.docker import Engine
from errand_runner.workspace import REPOSITORY
from tests.integration.sandboxing import MakeSpec, sh


async def bash(tools: Toolbox, command: str) -> str:
    async with aclosing(tools.run(ToolCall("toolu_1", "bash", {"command": command}))) as pieces:
        async for piece in pieces:
            if isinstance(piece, Outcome):
                return piece.text
    raise AssertionError("a tool ends with its outcome")


async def test_a_flood_lies_on_the_volume_and_not_in_the_repository(engine: Engine, make_spec: MakeSpec) -> None:
    async with engine.open(make_spec()) as sandbox:
        await sh(sandbox, f"git init -q {REPOSITORY}")
        tools = Toolbox(sandbox.supervisor, workspace=REPOSITORY, redactor=Redactor())
        assert "The whole output is in /workspace/.errand/output/1.log: " in await bash(tools, "seq 1000000")
        looked = await bash(tools, "wc -l < /workspace/.errand/output/1.log; git status --porcelain")
        assert looked.startswith("1000000\n[exit code 0")


async def test_what_is_looked_for_is_found_without_a_program_of_the_image(engine: Engine, make_spec: MakeSpec) -> None:
    async with engine.open(make_spec()) as sandbox:
        await sh(sandbox, f"mkdir {REPOSITORY}; echo needle > {REPOSITORY}/file")
        look = sandbox.supervisor.look
        assert [match.path for match in (await look.grep("needle", path=REPOSITORY)).items] == ["file"]
        assert (await look.glob("f*", path=REPOSITORY)).items == ["file"]


async def test_a_server_in_the_background_serves_later_commands(engine: Engine, make_spec: MakeSpec) -> None:
    serve = ["python3", "-m", "http.server", "8000", "--bind", "127.0.0.1"]
    ask = 'from urllib.request import urlopen; urlopen("http://127.0.0.1:8000")'
    fetch = f"until python3 -c '{ask}' 2>/dev/null; do :; done"
    async with engine.open(make_spec()) as sandbox:
        background = sandbox.supervisor.background
        job = await background.start(serve, cwd="/workspace", folder="/workspace/.errand/output")
        await sh(sandbox, fetch)
        assert b'"GET / HTTP/1.1" 200' in (await background.output(job, offset=0)).data
        await background.send_signal(job, 9)
        assert (await background.wait(job, timeout_s=20)).signal == 9
