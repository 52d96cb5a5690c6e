"""Attempts to push what a task may not: other refs, in other shapes, without end, or too much."""

from errand_runner import doorway
from tests.escape.attempt import Attempt, Control, Payload, python, shell
from tests.escape.layouts import HOST, USER

DIRECTLY = Control("where git has the credential itself", (*HOST, "--env", "REMOTE={upstream_with_credential}"))
"""The git server without a broker before it."""

_SAYS_YES = Control(
    "at a door that says yes to every push",
    # So that its container is its own: other doors are in the one of USER.
    (*USER, "--env", "DOOR=yes"),
    before=f"""setsid python3 -c '
import http.server
class Yes(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = b"000eunpack ok\\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        while self.rfile.read1(65536):
            pass
http.server.ThreadingHTTPServer(("127.0.0.1", {doorway.PORT}), Yes).serve_forever()
' >/dev/null 2>&1 &
until (: </dev/tcp/127.0.0.1/{doorway.PORT}) 2>/dev/null; do sleep 0.1; done""",
)

OWN = f"http://127.0.0.1:{doorway.PORT}/git/octo/demo.git"
"""The task's repository, at the door inside."""

# What is tried and its control push to one host at one time, so that each commit is another.
CLONE = f"""
    export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
    remote=${{REMOTE:-{OWN}}}
    rm -rf /tmp/push && git clone -q --depth 1 "$remote" /tmp/push && cd /tmp/push
    git commit -qm "$TOKEN" --allow-empty
"""

_RAW = '''
import http.client
def send(path, body, headers=()):
    """The status and the beginning of what is answered."""
    line = http.client.HTTPConnection("127.0.0.1", GIVEN["broker_port"], timeout=10)
    line.request("POST", "/git/octo/demo.git/" + path, body, dict(headers))
    answer = line.getresponse()
    return answer.status, answer.read(4096)
def taken(body, headers=()):
    status, said = send("git-receive-pack", body, headers)
    print(status, said[:120], file=sys.stderr)
    if status == 200 and b"unpack ok" in said and b"ng " not in said:
        through(said)
def pkt(text):
    return b"%04x" % (len(text) + 4) + text
push = b"0" * 40 + b" " + b"1" * 40 + b" refs/heads/main\\0report-status"
'''


def _pushes(what: str) -> Payload:
    """Through where git says that all of it was done."""
    # The next command begins where this one ends.
    return shell(f"(\n{CLONE}\n    ({what}) > said 2>&1 && through; grep rejected said || tail -1 said\n)")


def _raw(text: str) -> Payload:
    return python(f"{_RAW}\n{text}")


PUSHING = (
    Attempt(
        "push-branch", "pushes to a branch that is not the task's", _pushes("git push -f origin HEAD:other"), DIRECTLY
    ),
    Attempt(
        "push-default", "pushes to the default branch, by force", _pushes("git push -f origin HEAD:main"), DIRECTLY
    ),
    Attempt("push-tag", "pushes a tag", _pushes("git tag $TOKEN && git push origin $TOKEN"), DIRECTLY),
    Attempt(
        "push-delete",
        "deletes a branch",
        _pushes("own=errand/${REMOTE:+control_}tsk_1; git push -qf origin HEAD:$own && git push origin :$own"),
        DIRECTLY,
    ),
    Attempt(
        "push-several",
        "pushes the task's own branch, and behind it another",
        _pushes("git push -f --atomic origin HEAD:errand/tsk_1 HEAD:refs/heads/behind"),
        DIRECTLY,
    ),
    Attempt(
        "push-checkpoint",
        "puts the checkpoint of another task in its place",
        _pushes("git push -f origin HEAD:refs/errand/tsk_2"),
        DIRECTLY,
    ),
    Attempt(
        "push-option",
        "gives the git host options that its hooks go by",
        _pushes("git push -f -o ci.skip origin HEAD:errand/tsk_1"),
        DIRECTLY,
    ),
    Attempt(
        "push-compressed",
        "hides the ref that it pushes in a body that only the git host unpacks",
        python("""
            import gzip, http.client, urllib.parse, base64, hashlib
            remote = urllib.parse.urlsplit(os.environ.get("REMOTE", GIVEN["remote"]))
            encoded = {"Content-Encoding": "gzip", "Content-Type": "application/x-git-receive-pack-request"}
            login = {}
            if remote.username:
                words = f"{remote.username}:{remote.password}".encode()
                login["Authorization"] = "Basic " + base64.b64encode(words).decode()
            def ask(method, path, body=None):
                line = http.client.HTTPConnection(remote.hostname, remote.port, timeout=10)
                line.request(method, remote.path + path, body, {**login, **encoded} if body else login)
                answer = line.getresponse()
                return answer.status, answer.read(1 << 20)
            _, told = ask("GET", "/info/refs?service=git-receive-pack")
            commit = re.search(rb"([0-9a-f]{40}) refs/heads/main", told).group(1)
            command = b"0" * 40 + b" " + commit + b" refs/heads/hidden\\0report-status"
            pack = b"PACK" + bytes([0, 0, 0, 2, 0, 0, 0, 0])
            body = b"%04x" % (len(command) + 4) + command + b"0000" + pack + hashlib.sha1(pack).digest()
            status, said = ask("POST", "/git-receive-pack", gzip.compress(body))
            print(status, said[:120], file=sys.stderr)
            if b"ok refs/heads/hidden" in said:
                through(said)
        """),
        DIRECTLY,
    ),
    Attempt(
        "push-signed",
        "sends its commands in a certificate, which is another shape",
        _raw('taken(pkt(b"push-cert\\\\0report-status") + pkt(push) + pkt(b"push-cert-end\\\\n") + b"0000")'),
        _SAYS_YES,
    ),
    Attempt(
        "push-malformed-lengths",
        "writes lengths of lines as only a lenient reader takes them",
        _raw("""
for length in (b"+%03x", b" %03x", b"-%03x", b"%03x\\n", b"0x%02x", b"%02x_0"):
    with contextlib.suppress(OSError, http.client.HTTPException):
        taken(length % (len(push) + 4) + push + b"0000")
with contextlib.suppress(OSError, http.client.HTTPException):
    taken(b"0001" + pkt(push) + b"0000")
"""),
        _SAYS_YES,
    ),
    Attempt(
        "push-endless-commands",
        "sends commands without end, so that the runner keeps them all",
        python("""
            line = socket.create_connection(("127.0.0.1", GIVEN["broker_port"]), timeout=10)
            line.sendall(b"POST /git/octo/demo.git/git-receive-pack HTTP/1.1\\r\\nHost: x\\r\\n")
            line.sendall(b"Transfer-Encoding: chunked\\r\\n\\r\\n")
            command = b"0" * 40 + b" " + b"1" * 40 + b" refs/heads/errand/tsk_1"
            piece = (b"%04x" % (len(command) + 4) + command) * 500
            sent, said = 0, b""
            line.settimeout(3)
            while sent < 32 << 20:
                line.sendall(b"%x\\r\\n" % len(piece) + piece + b"\\r\\n")
                sent += len(piece)
                # An answer in mid-request is a refusal, unless it begins with a yes: its body may come apart from it.
                if not said and __import__("select").select([line], [], [], 0)[0]:
                    said = line.recv(200)
                    if b" 200 " not in said:
                        print(sent, "bytes, then", said, file=sys.stderr)
                        break
            else:
                through(sent)
        """),
        _SAYS_YES,
    ),
    Attempt(
        "push-huge",
        "pushes more than a push may hold",
        _pushes(
            "head -c 12000000 /dev/urandom > big && git add big && git commit -qm big"
            " && git push -f origin HEAD:errand/tsk_1"
        ),
        DIRECTLY,
    ),
)
