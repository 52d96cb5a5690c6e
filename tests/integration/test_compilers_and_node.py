"""Compilers, debuggers, node with npm and jest work under the list of system calls.

Their image takes two minutes to build, from the network: `make test` does this only after `make tools-image`.
"""

import subprocess
from pathlib import Path

import docker
import pytest
from docker.errors import ImageNotFound

from errand_runner.sandbox.docker import Engine
from errand_runner.sandbox.limits import Limits
from tests.integration.sandboxing import MakeSpec, sh

BUILD = Path(__file__).with_name("tools_image") / "build"

SCRIPTS = {
    "gcc and make": r"""
        printf '#include <pthread.h>\n#include <stdio.h>\nvoid *f(void *p) { return p; }\n' > a.c
        printf 'int main() { pthread_t t; pthread_create(&t, 0, f, 0); pthread_join(t, 0); puts("it-works"); }\n' >> a.c
        printf 'a: a.c\n\tgcc -O2 -pthread -o a a.c\n' > Makefile; make -s a && ./a
    """,
    "g++ with sanitizers": r"""
        printf '#include <thread>\nint main() { std::thread t([] {}); t.join(); }\n' > a.cc
        g++ -fsanitize=address -o a a.cc && ./a && g++ -fsanitize=thread -o b a.cc && ./b && echo it-works
    """,
    "gdb and strace": r"""
        printf 'int f() { return 0; }\nint main() { return f(); }\n' > a.c; gcc -g -o a a.c
        set -e; gdb -batch -ex 'break f' -ex run -ex bt ./a | grep -q 'f () at a.c'
        strace -fo out ./a && grep -q exec out && echo it-works
    """,
    "node: workers, children, a server": """
        node -e '
            const { Worker } = require("worker_threads"), { execSync } = require("child_process");
            const http = require("http");
            const server = http.createServer((asked, answer) => answer.end(execSync("echo it-works"))).listen(0, () =>
                http.get({ port: server.address().port, host: "127.0.0.1" }, answer =>
                    answer.on("data", said => new Worker("", { eval: true }).on("exit", () => {
                        console.log(String(said)); server.close(); }))));
        '
    """,
    "npm and jest": """
        ln -s /opt/tools/node_modules node_modules; cp /opt/tools/package.json .
        echo 'test("sums", () => expect(1 + 1).toBe(2));' | tee a.test.js > b.test.js
        npm run -s hi && npm test -s && echo it-works
    """,
    "sqlite": "sqlite3 a.db 'PRAGMA journal_mode=WAL; CREATE TABLE t (a); SELECT count(*) FROM t' && echo it-works",
}


@pytest.fixture(scope="session")
def tools_image() -> str:
    """Its tag."""
    tag = subprocess.run([BUILD, "--print-tag"], check=True, capture_output=True, text=True).stdout.strip()
    client = docker.from_env()
    try:
        client.images.get(tag)
    except ImageNotFound:
        pytest.skip(f"{tag} is not there; `make tools-image` builds it in two minutes")
    finally:
        client.close()
    return tag


@pytest.mark.parametrize("what", SCRIPTS)
async def test_it_works(engine: Engine, make_spec: MakeSpec, tools_image: str, what: str) -> None:
    async with engine.open(make_spec(image=tools_image, limits=Limits())) as sandbox:
        said = await sh(sandbox, SCRIPTS[what], timeout_s=50)
        assert "it-works" in said.split(), said
