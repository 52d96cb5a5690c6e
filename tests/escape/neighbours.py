"""Attempts to reach another task's sandbox: its volume, its processes, its listeners, what users of a kernel share."""

from tests.escape.attempt import Attempt, Control, python
from tests.escape.layouts import NEIGHBOUR, USER

_NEIGHBOUR = Control("with the neighbour's namespaces and uid", NEIGHBOUR)
_INSTANCES = "import ctypes; exit(ctypes.CDLL(None).inotify_init() == -1)"

NEIGHBOURS = (
    Attempt(
        "neighbour-volume",
        "looks for the other task's files in every folder",
        python("""
            links = [f"/proc/{pid}/{way}" for pid in pids() for way in ("root/workspace", "cwd")]
            wanted = [path for path in tree() if path.endswith("neighbour.secret")]
            wanted += [f"{link}/neighbour.secret" for link in links] + [GIVEN["neighbour_folder"] + "/neighbour.secret"]
            each(wanted, lambda path: reveal(open(path, "rb").read()))
        """),
        Control("where its volume is mounted as well", (*USER, "--volume", "{neighbour_volume}:/other")),
    ),
    Attempt(
        "neighbour-processes",
        "reads the environment and the command line of the other task's processes",
        python("""
            for pid in pids():
                reveal(content(f"/proc/{pid}/environ") + content(f"/proc/{pid}/cmdline"))
            print(len(pids()), "processes, none of them the neighbour's", file=sys.stderr)
        """),
        _NEIGHBOUR,
    ),
    Attempt(
        "kill-neighbour",
        "signals every process that the other task could have",
        python("""
            def signal(pid):
                if b"NEIGHBOUR_SECRET" in content(f"/proc/{pid}/environ"):
                    os.kill(pid, 0)
                    through(pid)
                    return True
            each(range(1, 300), signal)
        """),
        _NEIGHBOUR,
    ),
    Attempt(
        "neighbour-loopback",
        "connects to what the other task serves on its loopback interface",
        python("""
            reveal(ask(socket.AF_INET, ("127.0.0.1", 7777)))
        """),
        _NEIGHBOUR,
    ),
    Attempt(
        "neighbour-abstract-socket",
        "connects to a listener of the other task whose name is in no folder",
        python("""
            reveal(ask(socket.AF_UNIX, "\\0errand-neighbour"))
        """),
        _NEIGHBOUR,
    ),
    Attempt(
        "neighbour-broker",
        "reaches the other task's broker",
        python("""
            mine = GIVEN["broker"]
            def speak(path):
                with socket.socket(socket.AF_UNIX) as line:
                    line.settimeout(2)
                    line.connect(path)
                    through(path)
                    return True
            # Such a folder lets nobody list it: every one that there is could be one.
            folders = {os.path.join(folder, name) for folder, names, _ in os.walk("/run") for name in names}
            each([f"{one}/broker.sock" for one in [*folders - {mine}, GIVEN["neighbour_sockets"]]], speak)
        """),
        Control("where its folder is mounted as well", (*USER, "--volume", "{neighbour_sockets}:/run/other")),
    ),
    Attempt(
        "shared-segment",
        "reads memory that other processes of the kernel share by System V's means",
        python("""
            _libc.shmat.restype = ctypes.c_void_p
            number = call("shmget", GIVEN["host_segment"], 0, 0)
            reveal(ctypes.string_at(_libc.shmat(number, None, 0o10000), 64))
        """),
        Control("with the host's IPC namespace", (*USER, "--ipc", "host")),
    ),
    Attempt(
        "shared-memory-file",
        "reads memory that other processes share by a file in /dev/shm",
        python("""
            each(
                [GIVEN["host_shared"], *(f"/dev/shm/{name}" for name in os.listdir("/dev/shm"))],
                lambda path: reveal(open(path, "rb").read(1 << 16)),
            )
        """),
        Control("with the host's IPC namespace", (*USER, "--ipc", "host")),
    ),
    Attempt(
        "inotify-instances",
        "takes every watcher of files that the kernel gives its user, so that the neighbour has none",
        python("""
            count = 0
            with contextlib.suppress(OSError):
                while count < 5000:
                    call("inotify_init")
                    count += 1
            print(count, "taken; holding", flush=True)
            time.sleep(15)
        """),
        Control("for two containers with one uid", USER),
        victim=f"python3 -c '{_INSTANCES}' && echo well",
    ),
    Attempt(
        "user-processes",
        "takes every process that its user may have, so that the neighbour can start none",
        python("""
            import resource
            # Where the limit of a user is lowered for all: the count is the user's, whoever set the limit.
            resource.setrlimit(resource.RLIMIT_NPROC, (60, 60))
            count = 0
            with contextlib.suppress(OSError):
                while count < 100:
                    if os.fork() == 0:
                        time.sleep(15)
                        os._exit(0)
                    count += 1
            print(count, "started; holding", flush=True)
            time.sleep(15)
        """),
        Control("for two containers with one uid", USER),
        victim="ulimit -u 60; exec python3 -c 'import os; os.fork() and print(\"well\")'",
    ),
)
