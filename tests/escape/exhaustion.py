"""Attempts to use up what is shared: afterwards the host and the neighbour are well, and the sandbox works again.

What they take is bounded, so that a control without limits does not use up the host.
"""

from errand_runner import doorway
from tests.escape.attempt import Attempt, Control, python, shell
from tests.escape.layouts import USER

_WITHOUT_LIMITS = Control("without limits", (*USER, "--shm-size", "512m"))

EXHAUSTION = (
    Attempt(
        "fork-bomb",
        "starts processes that start processes, faster than they can be ended",
        python("""
            import mmap
            over = mmap.mmap(-1, 1)
            end = time.time() + 10
            def bomb(depth):
                # Two each, eight deep: without a limit there are 255, and no more.
                for _ in range(2 * (depth < 8)):
                    while not over[0] and time.time() < end:
                        try:
                            if os.fork() == 0:
                                os.setsid()
                                bomb(depth + 1)
                            break
                        except OSError:
                            time.sleep(0.01)
                while not over[0] and time.time() < end:
                    time.sleep(0.02)
                os._exit(0)
            if os.fork() == 0:
                bomb(1)
            most, grown = 0, time.time()
            while time.time() < min(grown + 1.5, end) and most <= 200:
                time.sleep(0.02)
                if len(pids()) > most:
                    most, grown = len(pids()), time.time()
            over[0] = 1
            print(most, "at once", file=sys.stderr)
            if most > 200:
                through(most)
        """),
        _WITHOUT_LIMITS,
        timeout_s=15,
    ),
    Attempt(
        "processes",
        "starts 400 processes",
        python("""
            children = []
            try:
                for _ in range(400):
                    child = os.fork()
                    if child == 0:
                        time.sleep(30)
                        os._exit(0)
                    children.append(child)
                through(len(children))
            finally:
                for child in children:
                    os.kill(child, 9)
        """),
        _WITHOUT_LIMITS,
    ),
    Attempt(
        "threads",
        "starts 400 threads",
        python("""
            import threading
            threading.stack_size(1 << 16)
            stop = threading.Event()
            try:
                for _ in range(400):
                    threading.Thread(target=stop.wait, daemon=True).start()
                through()
            except RuntimeError as error:
                refused(error)
            finally:
                stop.set()
        """),
        _WITHOUT_LIMITS,
        slow=True,
    ),
    Attempt(
        "zombies",
        "leaves dead processes behind until no more can be started",
        python("""
            for _ in range(300):
                child = os.fork()
                if child == 0:
                    if os.fork() == 0:
                        os._exit(0)
                    os._exit(0)
                os.waitpid(child, 0)
            time.sleep(0.5)
            dead = sum(b") Z" in content(f"/proc/{pid}/stat") for pid in pids())
            print(dead, "are left", file=sys.stderr)
            if dead >= 300:
                through(dead)
        """),
        Control("where nobody takes in orphans", USER),
    ),
    Attempt(
        "memory",
        "takes more memory than its share",
        python("""
            taken = []
            for _ in range(10):
                taken.append(bytearray(b"x") * (100 << 20))
            through("1000 MiB")
        """),
        _WITHOUT_LIMITS,
    ),
    Attempt(
        "memory-of-many",
        "takes more memory than its share, in many processes, each of which is small",
        python("""
            import signal
            children = []
            for _ in range(20):
                child = os.fork()
                if child == 0:
                    taken = bytearray(b"x") * (50 << 20)
                    signal.pause()
                children.append(child)
            end = time.time() + 8
            def resident(pid):
                found = re.search(rb"VmRSS:\\s+(\\d+)", content(f"/proc/{pid}/status"))
                return int(found.group(1)) if found else 0
            while time.time() < end:
                whole = sum(map(resident, children))
                if whole > 1000 << 10:
                    through(whole)
                if _found or any(os.waitpid(child, os.WNOHANG)[0] for child in children):
                    break
                time.sleep(0.2)
            for child in children:
                os.kill(child, signal.SIGKILL)
        """),
        _WITHOUT_LIMITS,
        slow=True,
    ),
    Attempt(
        "shared-memory",
        "fills /dev/shm",
        python("""
            files = [f"/dev/shm/full-{number}" for number in range(10)]
            try:
                for path in files:
                    with open(path, "wb", 0) as file:
                        for _ in range(32):
                            file.write(bytes(1 << 20))
                through("320 MiB")
            finally:
                for path in filter(os.path.exists, files):
                    os.unlink(path)
        """),
        _WITHOUT_LIMITS,
    ),
    Attempt(
        "folders-in-memory",
        "fills /tmp and leaves it so",
        python("""
            for number in range(20):
                with open(f"/tmp/full-{number}", "wb", 0) as file:
                    for _ in range(32):
                        file.write(bytes(1 << 20))
            through("640 MiB")
        """),
        _WITHOUT_LIMITS,
        slow=True,
        spoils=True,
    ),
    Attempt(
        "large-file",
        "writes one file of 100 MiB on its volume",
        python("""
            import signal
            # Told by an error and not by the signal, which would end it.
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            try:
                with open("/workspace/large", "wb", 0) as file:
                    for _ in range(100):
                        if file.write(bytes(1 << 20)) < 1 << 20:
                            raise OSError("written short")
                through("100 MiB")
            finally:
                os.unlink("/workspace/large")
        """),
        _WITHOUT_LIMITS,
    ),
    Attempt(
        "sparse-file",
        "makes a file that has no content and no end",
        python("""
            import signal
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            with open("/workspace/sparse", "wb") as file:
                os.ftruncate(file.fileno(), 1 << 40)
            through("1 TiB")
        """),
        _WITHOUT_LIMITS,
    ),
    Attempt(
        "descriptors",
        "opens 10,000 files",
        python("""
            kept = [os.open("/dev/null", os.O_RDONLY) for _ in range(10000)]
            through(len(kept))
        """),
        _WITHOUT_LIMITS,
    ),
    Attempt(
        "broker-connections",
        "opens connections to the broker and keeps them, so that the runner has no descriptors left",
        python("""
            kept = []
            try:
                for _ in range(300):
                    line = socket.create_connection(("127.0.0.1", GIVEN["broker_port"]), timeout=3)
                    line.sendall(b"GET")
                    kept.append(line)
                time.sleep(0.5)
                for line in kept:
                    line.setblocking(False)
                    with contextlib.suppress(BlockingIOError):
                        if not line.recv(1):
                            raise ConnectionError("hung up on")
            except OSError as error:
                print(len(kept), "open, then", error, file=sys.stderr)
            else:
                through(len(kept))
        """),
        Control(
            "at a door that takes everybody",
            USER,
            before=f"""setsid python3 -c '
import socket
listener = socket.create_server(("127.0.0.1", {doorway.PORT}), backlog=500)
kept = []
while True:
    kept.append(listener.accept())
' >/dev/null 2>&1 &
until (: </dev/tcp/127.0.0.1/{doorway.PORT}) 2>/dev/null; do sleep 0.1; done""",
        ),
    ),
    Attempt(
        "flood-of-output",
        "writes without end, so that the runner keeps more than it has room for",
        shell("""
            head -c 30000000 /dev/zero | tr '\\0' 'x' | fold -w 200
        """),
        Control("where all output is kept", USER),
    ),
    Attempt(
        "endless-line",
        "writes one line of a gigabyte",
        shell("""
            head -c 1000000000 /dev/zero | tr '\\0' 'x'
        """),
        Control("where all output is kept", USER),
        timeout_s=60,
        bound_s=80,
        slow=True,
    ),
    Attempt(
        "million-lines",
        "writes a million lines, each by itself",
        python("""
            for number in range(1_000_000):
                os.write(1 + number % 2, b"y\\n")
        """),
        Control("where all output is kept", USER),
        slow=True,
    ),
)
