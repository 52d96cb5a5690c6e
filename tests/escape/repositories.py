"""Attempts to reach another repository, or to have the way to one's own misused: by git, by requests, by what a hostile
repository brings."""

from errand_runner import doorway
from tests.escape.attempt import Attempt, Control, python, shell
from tests.escape.layouts import USER
from tests.escape.pushing import CLONE, DIRECTLY, OWN

_LISTS = f"timeout 8 git ls-remote {OWN} | grep -q main"

# Not the neighbour's own door: it is asked at the same time, and must answer.
_ONE_BY_ONE = Control(
    "at a door that serves one after the other",
    (*USER, "--env", "DOOR=one-by-one"),
    before=f"""mkdir -p /tmp/served/git/octo/demo.git/info && cd /tmp/served/git/octo/demo.git
printf '%040d\\trefs/heads/main\\n' 1 > info/refs && echo 'ref: refs/heads/main' > HEAD && cd /tmp/served
setsid python3 -c '
from http.server import HTTPServer, SimpleHTTPRequestHandler
class Patient(HTTPServer):
    request_queue_size = 128
Patient(("127.0.0.1", {doorway.PORT}), SimpleHTTPRequestHandler).serve_forever()
' >/dev/null 2>&1 &
until {_LISTS}; do sleep 0.1; done""",
)

REPOSITORIES = (
    Attempt(
        "other-repository",
        "asks for another repository, under its own name and under others",
        python("""
            import subprocess
            remote = os.environ.get("REMOTE", GIVEN["remote"])
            host = remote.rpartition("/octo/")[0]
            names = ("octo/other.git", "octo/other", "octo/demo.git/../other.git", "octo/demo.git%2f..%2fother.git")
            names += ("octo//other.git", "./octo/other.git", "OCTO/OTHER.git", "octo/demo.git?/../other.git")
            for name in names:
                said = subprocess.run(["git", "ls-remote", f"{host}/{name}"], capture_output=True)
                print(said.stderr.decode().strip().splitlines()[-1:], file=sys.stderr)
                if reveal(said.stdout):
                    break
        """),
        DIRECTLY,
    ),
    Attempt(
        "other-as-submodule",
        "names another repository as a submodule of its own, by an address beside its own",
        shell(f"""
            (
            {CLONE}
            git -c protocol.file.allow=always submodule add ../other.git other 2>&1 | tail -2
            grep -oE 'canary-[0-9a-f]+' other/secret && through
            )
        """),
        DIRECTLY,
    ),
    Attempt(
        "hostile-hooks",
        "has every hook of git write down what git gives it, and pushes",
        shell(f"""
            (
            {CLONE}
            for hook in pre-push reference-transaction post-checkout post-commit pre-commit post-index-change; do
                printf '#!/bin/sh\\n(echo "$@"; env; cat /proc/$PPID/cmdline /proc/$PPID/environ) >> /tmp/seen\\n' \\
                    > .git/hooks/$hook
                chmod +x .git/hooks/$hook
            done
            git checkout -qb more && git commit -qm more --allow-empty && git push -qf origin HEAD:errand/tsk_1
            tr '\\0' '\\n' < /tmp/seen | grep -aoE 'canary-[0-9a-f]+' && through
            wc -c /tmp/seen
            )
        """),
        DIRECTLY,
    ),
    Attempt(
        "hostile-filter",
        "has a filter of the repository's files read the command lines of the git that clones",
        shell(f"""
            remote=${{REMOTE:-{OWN}}}
            echo '* filter=look' > /tmp/attributes
            look='cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ >> /tmp/looked 2>/dev/null; cat'
            git -c core.attributesFile=/tmp/attributes -c filter.look.smudge="$look" clone -q "$remote" /tmp/filtered
            tr '\\0' '\\n' < /tmp/looked | grep -aoE 'canary-[0-9a-f]+' && through
            wc -c /tmp/looked
        """),
        DIRECTLY,
    ),
    Attempt(
        "hostile-helper",
        "has git hand the password that worked to a helper which writes it down",
        shell(f"""
            remote=${{REMOTE:-{OWN}}}
            printf '#!/bin/sh\\ncat >> /tmp/helped\\n' > /tmp/helper && chmod +x /tmp/helper && touch /tmp/helped
            git -c credential.helper=/tmp/helper ls-remote "$remote" | head -1
            grep -oE 'canary-[0-9a-f]+' /tmp/helped && through
        """),
        DIRECTLY,
    ),
    Attempt(
        "smuggled-request",
        "hides a request for another repository in one that is allowed, by lengths on which two readers may differ",
        python("""
            import base64, urllib.parse
            remote = urllib.parse.urlsplit(os.environ.get("REMOTE", GIVEN["remote"]))
            login = f"{remote.username}:{remote.password}".encode()
            more = b"Authorization: Basic " + base64.b64encode(login) + b"\\r\\n" if remote.username else b""
            own = remote.path.encode()
            other = own.replace(b"demo", b"other")
            references = b"/info/refs?service=git-upload-pack HTTP/1.1\\r\\nHost: x\\r\\n" + more
            inner = b"GET " + other + references + b"\\r\\n"
            get = b"GET " + own + references
            post = b"POST " + own + b"/git-upload-pack HTTP/1.1\\r\\nHost: x\\r\\n" + more
            size = b"Content-Length: %d\\r\\n" % len(inner)
            chunk = b"%x\\r\\n" % len(inner) + inner + b"\\r\\n0\\r\\n\\r\\n"
            both = b"Transfer-Encoding: chunked\\r\\n"
            for request in (
                get + b"\\r\\n" + inner,
                get + size + b"\\r\\n" + inner,
                get + both + b"\\r\\n" + chunk,
                post + size + both + b"\\r\\n0\\r\\n\\r\\n" + inner,
                post + b"Content-Length: 0\\r\\n" + size + b"\\r\\n" + inner,
                post + b"Transfer-Encoding : chunked\\r\\n" + size + b"\\r\\n0\\r\\n\\r\\n" + inner,
                post + b"Transfer-Encoding: xchunked\\r\\n\\r\\n0\\r\\n\\r\\n" + inner,
                post + b"X: y\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n" + inner,
                get + b"Git-Protocol: version=2\\r\\n\\t\\r\\n" + inner + b"\\r\\n",
                get.replace(b"upload-pack", b"upload-pack\\r\\n\\r\\n" + inner, 1) + b"\\r\\n",
            ):
                with contextlib.suppress(OSError), socket.create_connection((remote.hostname, remote.port), 3) as line:
                    line.settimeout(2)
                    line.sendall(request)
                    said = b""
                    while piece := line.recv(1 << 16):
                        said += piece
                        if reveal(said):
                            break
                print(said[:40], file=sys.stderr)
                if _found:
                    break
        """),
        DIRECTLY,
        timeout_s=40,
        bound_s=60,
        slow=True,
    ),
    Attempt(
        "slow-requests",
        "begins requests that it never ends, so that the neighbour's git gets no answer",
        python("""
            kept = []
            for number in range(64):
                with contextlib.suppress(OSError):
                    line = socket.create_connection(("127.0.0.1", GIVEN["broker_port"]), timeout=3)
                    line.sendall(b"POST /git/octo/demo.git/git-upload-pack HTTP/1.1\\r\\nHost: x\\r\\n")
                    if number % 2:
                        line.sendall(b"Content-Length: 1000\\r\\n\\r\\n0")
                    kept.append(line)
            print(len(kept), "begun; holding", flush=True)
            time.sleep(15)
        """),
        _ONE_BY_ONE,
        victim=f"{_LISTS} && echo well",
    ),
)
