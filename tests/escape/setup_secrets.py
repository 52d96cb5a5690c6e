"""Attempts on secrets that were lent to the setup script alone, once it is over, and on another project's."""

from tests.escape.attempt import Attempt, Control, python, shell
from tests.escape.layouts import NEIGHBOUR, USER

_YAMA = {"/proc/sys/kernel/yama/ptrace_scope": "0"}
_LENT = (*USER, "--env", "SETUP_SECRET={setup_secret}")
_LEFT = """setsid sh -c 'while sleep 60; do :; done' setup-leftover > /dev/null 2>&1 &
until tr '\\0' '\\n' < /proc/$!/cmdline | grep -qx setup-leftover; do sleep 0.1; done"""

SETUP_SECRETS = (
    Attempt(
        "setup-environment",
        "looks for what the setup script was lent in its own environment and in that of every process and thread",
        python("""
            import subprocess
            reveal(repr(dict(os.environ)).encode())
            reveal(subprocess.run(["bash", "-lc", "env; set; cat ~/.bash* ~/.profile"], capture_output=True).stdout)
            for pid in ["self", *pids()]:
                with contextlib.suppress(OSError):
                    for thread in os.listdir(f"/proc/{pid}/task"):
                        reveal(content(f"/proc/{pid}/task/{thread}/environ"))
        """),
        Control("where it is a variable of the container", _LENT),
    ),
    Attempt(
        "setup-leftover",
        "looks for a process that the setup script left behind, which has what the script had",
        python("""
            found = [pid for pid in pids() if content(f"/proc/{pid}/cmdline").endswith(b"setup-leftover\\0")]
            for pid in found:
                reveal(content(f"/proc/{pid}/environ"))
            print(len(found), "left", file=sys.stderr)
        """),
        Control("where nobody ends what a command leaves", _LENT, before=_LEFT),
    ),
    Attempt(
        "setup-files",
        "looks for what the setup script was lent in every file that it may read",
        python("""
            shared = [os.path.join("/dev/shm", name) for name in os.listdir("/dev/shm")]
            for path in [*tree(), *shared]:
                reveal(content(path))
        """),
        Control("where it is handed over in a file", (*USER, "--volume", "{setup_file}:/run/secrets/setup:ro")),
    ),
    Attempt(
        "setup-memory",
        "reads the memory of the supervisor and of every other process, through which the setup script was lent it",
        python("each(pids(), search_memory)"),
        Control("where the processes above it are as any others", _LENT, needs=_YAMA),
        timeout_s=30,
    ),
    Attempt(
        "setup-order",
        "opens the files that the supervisor and its leaders have open, in which the order for the setup script came",
        python("""
            places = [f"/proc/{pid}/fd" for pid in pids()]
            def look(place):
                for name in os.listdir(place):
                    with contextlib.suppress(OSError), open(f"{place}/{name}", "rb") as file:
                        os.set_blocking(file.fileno(), False)
                        if os.stat(file.fileno()).st_size and reveal(file.read(1 << 20) or b""):
                            return True
                return False
            each(places, look)
        """),
        Control(
            "where a process of the same user has it open",
            _LENT,
            before="setsid python3 -c \"import os, time; file = os.memfd_create('order'); "
            "os.write(file, os.environ['SETUP_SECRET'].encode()); time.sleep(60)\" > /dev/null 2>&1 &\n"
            "until ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q memfd:order; do sleep 0.1; done",
        ),
    ),
    Attempt(
        "setup-again",
        "runs the setup script once more, which says all that it is lent",
        shell("""
            for script in /workspace/*.setup.sh /tmp/*.setup.sh; do
                [ -f "$script" ] && bash "$script" | grep -o 'canary-[0-9a-f]*' && through "$script"
            done
            echo "it was lent nothing"
        """),
        Control(
            "where it is a variable of the container",
            _LENT,
            before="echo 'echo \"$SETUP_SECRET\"' > /tmp/project.setup.sh",
        ),
    ),
    Attempt(
        "neighbour-memory",
        "reads the memory of the other task's processes, which hold what its project marked as readable",
        python("each(pids(), search_memory)"),
        Control("with the neighbour's processes and uid", NEIGHBOUR, needs=_YAMA),
        timeout_s=30,
    ),
)
