"""What people's projects need works under the list of system calls and the limits, in the sandbox image as it is."""

import pytest

from errand_runner.sandbox.docker import Engine
from tests.integration.sandboxing import MakeSpec, sh

SCRIPTS = {
    "a virtual environment": "python3 -m venv /tmp/v && /tmp/v/bin/python -c 'print(1)' && echo it-works",
    "processes of a pool": """
        python3 - <<'END'
import multiprocessing as mp
if __name__ == "__main__":
    with mp.get_context("fork").Pool(4) as pool:
        assert pool.map(abs, range(-100, 0)) == list(range(100, 0, -1))
    queue, lock = mp.Queue(), mp.Lock()
    worker = mp.get_context("fork").Process(target=queue.put, args=("it-works",))
    worker.start(); print(queue.get()); worker.join()
END
    """,
    "threads": """
        python3 - <<'END'
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(32) as pool:
    assert sum(pool.map(int, range(1000))) == 499500
print("it-works")
END
    """,
    "a server and a client of asyncio, by name": """
        python3 - <<'END'
import asyncio
async def main():
    async def answer(reader, writer):
        writer.write(await reader.readline()); await writer.drain(); writer.close()
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("localhost", port)
        writer.write(b"it-works\\n"); print((await reader.readline()).decode()); writer.close()
    done = await asyncio.create_subprocess_exec("true"); assert await done.wait() == 0
asyncio.run(main())
END
    """,
    "addresses of this host": """
        python3 -c 'import socket; socket.if_nameindex(); socket.getaddrinfo("localhost", 80)' && echo it-works
    """,
    "UDP and local sockets": """
        python3 - <<'END'
import socket
one, two = socket.socketpair(); one.send(b"x"); assert two.recv(1) == b"x"
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); here.bind(("127.0.0.1", 0))
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"y", here.getsockname()); assert here.recv(1) == b"y"
print("it-works")
END
    """,
    "sqlite with a write-ahead log": """
        python3 - <<'END'
import sqlite3
db = sqlite3.connect("data.db"); db.execute("PRAGMA journal_mode=WAL"); db.execute("CREATE TABLE t (a)")
with db: db.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(1000)])
assert db.execute("SELECT count(*) FROM t").fetchone() == (1000,)
print("it-works")
END
    """,
    "git: clone, branches, gc, stash": """
        set -e
        export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
        git init -q one; cd one; for n in 1 2 3; do echo $n > file; git add file; git commit -qm $n; done
        git gc -q --aggressive; git clone -q . ../two; git switch -qc two HEAD~1; git fsck --strict
        cd ../two; echo more >> file; git stash -q; git stash pop -q; git bisect start -q HEAD HEAD~2; echo it-works
    """,
    "pytest": """
        mkdir tests; echo 'def test_it(tmp_path, capfd): (tmp_path / "f").write_text("x")' > tests/test_it.py
        pytest -q -p no:cacheprovider tests && echo it-works
    """,
    "make with a job server": """
        printf 'all: a b c\\n%%:\\n\\t@sleep 0.1; echo $@\\n' > Makefile
        make -j3 all && echo it-works
    """,
    "ripgrep, xz, unzip, curl of a local server": """
        set -e
        echo word > here; rg -q word .; xz -T2 -k here; xz -t here.xz
        python3 -m zipfile -c z.zip here; unzip -tq z.zip
        python3 -m http.server 8000 >/dev/null 2>&1 &
        until curl -sf localhost:8000/here; do sleep 0.1; done; kill $!; echo it-works
    """,
    "files: xattrs, locks, pipes, watches, links": """
        python3 - <<'END'
import ctypes, fcntl, os, mmap
open("f", "w").write("x" * 5000); fcntl.flock(os.open("f", os.O_RDWR), fcntl.LOCK_EX)
os.mkfifo("p"); os.link("f", "g"); os.symlink("f", "h"); os.utime("f"); os.chmod("f", 0o600)
os.copy_file_range(os.open("f", os.O_RDONLY), os.open("k", os.O_CREAT | os.O_WRONLY), 100)
libc = ctypes.CDLL(None, use_errno=True); assert libc.inotify_init1(0) > 0
mmap.mmap(-1, 1 << 20, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
os.sched_setaffinity(0, os.sched_getaffinity(0)); os.nice(1)
print("it-works")
END
    """,
    "a terminal of its own": "script -qec 'tty && stty size' /dev/null </dev/null && echo it-works",
}


@pytest.mark.parametrize("what", SCRIPTS)
async def test_an_ordinary_tool_works(engine: Engine, make_spec: MakeSpec, what: str) -> None:
    async with engine.open(make_spec()) as sandbox:
        said = await sh(sandbox, SCRIPTS[what], timeout_s=40)
        assert "it-works" in said.split(), said
