"""Attempts on the supervisor, which runs in reach of what it supervises: to end it, to speak for it, to outlive it."""

from errand_runner import doorway
from errand_runner.sandbox.profile import GUEST_FOLDER
from tests.escape.attempt import Attempt, Control, python
from tests.escape.layouts import ROOT, UNFILTERED, USER

_YAMA = {"/proc/sys/kernel/yama/ptrace_scope": "0"}
_PLAIN = Control("under a plain docker exec", USER)
_TRACEABLE = Control("under a plain docker exec", USER, needs=_YAMA)
_UNFILTERED = Control("under a docker exec whose system calls nobody filters", UNFILTERED, needs=_YAMA)
_HELD_UP = Control("under a plain docker exec", USER, bound_s=2)
_OUTLIVE_S = 1.5
_ONE_USER = Control(
    "where one user has both",
    USER,
    before="""sh -c 'while sleep 60; do :; done' sh /run/broker/alive > /dev/null 2>&1 &
until tr '\\0' '\\n' < /proc/$!/cmdline | grep -qx /run/broker/alive; do sleep 0.1; done""",
    needs=_YAMA,
)

TAMPERING = (
    Attempt(
        "outlive-the-call",
        "leaves a process behind that goes on after the call, in a session and tree of its own",
        python("""
            if outlive():
                time.sleep(0.7)
                through()
                os._exit(0)
        """),
        _PLAIN,
        lingers_s=_OUTLIVE_S,
    ),
    Attempt(
        "kill-supervisor",
        "kills the supervisor, and lives on unwatched",
        python("""
            import signal
            if outlive():
                time.sleep(0.7)
                through()
                os._exit(0)
            os.kill(ancestors()[-1], signal.SIGKILL)
        """),
        _PLAIN,
        lingers_s=_OUTLIVE_S,
    ),
    Attempt(
        "kill-leader",
        "kills the process that would end what the command leaves behind, and lives on",
        python("""
            import signal
            if outlive():
                time.sleep(0.7)
                through()
                os._exit(0)
            os.kill([*ancestors(), 0, 0][1] or ancestors()[-1], signal.SIGKILL)
        """),
        _PLAIN,
        lingers_s=_OUTLIVE_S,
    ),
    Attempt(
        "kill-everything",
        "kills every process that it may",
        python("""
            import signal
            if outlive():
                os.kill(-1, signal.SIGKILL)
                time.sleep(0.7)
                through()
                os._exit(0)
            time.sleep(10)
        """),
        _PLAIN,
        lingers_s=_OUTLIVE_S,
    ),
    Attempt(
        "stop-supervisor",
        "stops the supervisor, so that the call never ends",
        python("""
            import signal
            os.kill(ancestors()[-1], signal.SIGSTOP)
        """),
        _HELD_UP,
        timeout_s=2,
        bound_s=25,
        slow=True,
    ),
    Attempt(
        "stop-leader",
        "stops the process that would report its end, so that the call never ends",
        python("""
            import signal
            above = ancestors()
            os.kill(above[1] if len(above) > 1 else above[0], signal.SIGSTOP)
        """),
        _HELD_UP,
        timeout_s=2,
        bound_s=25,
    ),
    Attempt(
        "stop-keeper",
        "stops what ends the container once it has no runner any more",
        python("""
            import signal
            def stop(pid):
                os.kill(pid, signal.SIGSTOP)
                time.sleep(0.2)
                # The first process of a container takes no such signal from inside, whoever sends it.
                if re.search(rb"State:\\s+T", content(f"/proc/{pid}/status")):
                    through(pid)
                    os.kill(pid, signal.SIGCONT)
                    return True
            each(keepers(), stop)
        """),
        _ONE_USER,
    ),
    Attempt(
        "keeper-memory",
        "opens the memory of what ends the container once it has no runner any more, to write to it",
        python("""
            def write_to(pid):
                open(f"/proc/{pid}/mem", "r+b", 0).close()
                through(pid)
                return True
            each(keepers(), write_to)
        """),
        _ONE_USER,
    ),
    Attempt(
        "trace-supervisor",
        "attaches to the supervisor as a debugger",
        python("""
            syscall(101, 16, ancestors()[-1], 0, 0)
            os.waitpid(ancestors()[-1], 0x40000000)
            syscall(101, 17, ancestors()[-1], 0, 0)
            through()
        """),
        _TRACEABLE,
    ),
    Attempt(
        "supervisor-memory",
        "opens the supervisor's memory and reads it",
        python("""
            above = ancestors()[-1]
            first = int(open(f"/proc/{above}/maps").readline().split("-")[0], 16)
            with open(f"/proc/{above}/mem", "r+b", 0) as memory:
                memory.seek(first)
                through(memory.read(4))
        """),
        _TRACEABLE,
    ),
    Attempt(
        "supervisor-memory-call",
        "reads the supervisor's memory by the call for it",
        python("""
            import struct
            above = ancestors()[-1]
            # Where it must not be seen, it is guessed: this Python and that one lie at the same place.
            map_of = content(f"/proc/{above}/maps") or content("/proc/self/maps")
            first = int(map_of.split(b"-")[0], 16)
            room = ctypes.create_string_buffer(4)
            mine = struct.pack("QQ", ctypes.addressof(room), 4)
            through(syscall(310, above, mine, 1, struct.pack("QQ", first, 4), 1, 0))
        """),
        _UNFILTERED,
    ),
    Attempt(
        "supervisor-descriptors",
        "speaks for the supervisor through its own descriptors",
        python("""
            above = ancestors()[-1]
            def speak(fd):
                descriptor = os.open(f"/proc/{above}/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK)
                through(fd)
                os.write(descriptor, b"forged")
                return True
            each([1, 2, *map(int, os.listdir(f"/proc/{above}/fd"))], speak)
        """),
        _TRACEABLE,
    ),
    Attempt(
        "steal-descriptors",
        "takes the supervisor's descriptors by the call that copies them",
        python("""
            above = syscall(434, ancestors()[-1], 0)
            through(syscall(438, above, 1, 0))
        """),
        _UNFILTERED,
    ),
    Attempt(
        "next-supervisor",
        "leaves Python modules where the next supervisor, or its interpreter, would take them from",
        python("""
            mark = "GOT" + "-THROUGH " + GIVEN["token"]
            code = f"open('/workspace/through', 'a').write({mark!r})"
            home = os.path.expanduser("~") if os.access(os.path.expanduser("~"), os.W_OK) else "/tmp/home"
            version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
            folders = ["/workspace", "/tmp", home, f"{home}/.local/lib/{version}/site-packages"]
            for folder in folders:
                os.makedirs(folder, exist_ok=True)
                for name in ("sitecustomize", "usercustomize", "json", "selectors", "guest"):
                    with open(f"{folder}/{name}.py", "w") as file:
                        file.write(code)
        """),
        Control(
            "before a plain start of Python",
            (*USER, "--env", "HOME=/workspace", "--env", "PYTHONPATH=/workspace"),
            then="cd /workspace && python3 -c pass; cat /workspace/through",
        ),
        restart=("python3", "-I", "-S", GUEST_FOLDER, str(doorway.PORT + 1), f"{doorway.FOLDER}/{doorway.SOCKET_NAME}"),
        lingers_s=1,
    ),
    Attempt(
        "read-a-pipe",
        "has the runner read a pipe into which nobody writes",
        python("""
            os.mkfifo("/workspace/pipe-" + GIVEN["token"])
            os.symlink("/workspace/pipe-" + GIVEN["token"], "/tmp/pipe")
        """),
        Control("where it is simply read", USER, bound_s=2, then="cat /tmp/pipe"),
        then=("read", {"path": "/tmp/pipe"}),
        bound_s=15,
    ),
    Attempt(
        "read-without-end",
        "has the runner read a file that has no end",
        python("""
            os.symlink("/dev/zero", "/tmp/endless")
        """),
        Control("where it is simply read", USER, then="tr '\\0' x < /tmp/endless"),
        then=("read", {"path": "/tmp/endless"}),
        bound_s=15,
    ),
    Attempt(
        "write-through-a-link",
        "has the runner write where a link leads: into the supervisor's program",
        python("""
            os.symlink(GIVEN["guest"], "/tmp/linked")
            print("linked")
        """),
        Control(
            "for root, where such a folder is mounted writable",
            (*ROOT, "--volume", "{scratch}/guest:{guest}"),
            then="echo '#' > /tmp/linked/__main__.py && echo Wrote",
        ),
        then=("write", {"path": "/tmp/linked/__main__.py", "content": "#"}),
        shows="Wrote",
    ),
)
