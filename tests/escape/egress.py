"""Attempts to reach by the broker's tunnels what no project can allow: the host, its network, a cloud's metadata, other
hosts in an allowed one's name. In this world every address leads to a listener that gives a secret out."""

from errand_runner import doorway
from tests.escape.attempt import Attempt, Control, python
from tests.escape.layouts import ROOT, USER

# Tunnels to wherever it is asked, where somebody gives the secret out: what a proxy without these walls would do.
_NAIVE_DOOR = f"""
setsid python3 - <<'END' >/dev/null 2>&1 &
import os, socketserver
class Door(socketserver.BaseRequestHandler):
    def handle(self):
        data = b""
        while b"\\r\\n\\r\\n" not in data:
            data += self.request.recv(4096)
        self.request.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n" + open(os.environ["SECRET"], "rb").read())
class Doors(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
Doors(("127.0.0.1", {doorway.PORT}), Door).serve_forever()
END
until (: </dev/tcp/127.0.0.1/{doorway.PORT}) 2>/dev/null; do sleep 0.1; done
"""

_NAIVE = Control(
    "at a door that tunnels to whatever it is asked for",
    (*USER, "--volume", "{host_secret}:{host_secret}:ro", "--env", "SECRET={host_secret}"),
    before=_NAIVE_DOOR,
)

# What the payloads share: a tunnel asked for, and a TLS greeting by the system's own library.
_TUNNELS = """
    import ssl
    def greeting(name):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        goes = ssl.MemoryBIO()
        with contextlib.suppress(ssl.SSLError):
            context.wrap_bio(ssl.MemoryBIO(), goes, server_hostname=name).do_handshake()
        return goes.read()
    def tunnel(target, sent=b"", head=""):
        with socket.create_connection(("127.0.0.1", GIVEN["broker_port"]), 3) as line:
            line.sendall(f"CONNECT {target} HTTP/1.1\\r\\n{head}\\r\\n".encode("latin-1") + sent)
            said = b""
            with contextlib.suppress(OSError):
                while len(said) < 1 << 16:
                    data = line.recv(4096)
                    if not data:
                        break
                    said += data
            print(target, said[:160].split(b"\\r\\n")[0].decode(), file=sys.stderr)
            return reveal(said)
    def names(*hosts):
        for host in hosts:
            tunnel(f"{host}:443", greeting(host))
    def addresses(*literals):
        for literal in literals:
            tunnel(f"{literal}:443", greeting("public.allowed.example"))
"""


def _attempt(name: str, tries: str, text: str, *, slow: bool = False) -> Attempt:
    return Attempt(f"egress-{name}", tries, python(_TUNNELS + text), _NAIVE, slow=slow)


EGRESS = (
    _attempt(
        "loopback",
        "asks for a tunnel to what the host serves on its loopback interface, by name and by address",
        """
    names("loopback.allowed.example", "localhost", "localhost.localdomain")
    addresses("127.0.0.1", "127.8.8.8", "0.0.0.0", "[::1]", "[::]")
    tunnel(f"127.0.0.1:{GIVEN['host_port']}", greeting("public.allowed.example"))
    tunnel(f"loopback.allowed.example:{GIVEN['host_port']}", greeting("loopback.allowed.example"))
""",
    ),
    _attempt(
        "gateway",
        "asks for a tunnel to the gateway of Docker's network, and to neighbours of the host",
        """
    names("gateway.allowed.example", "lan.allowed.example", "carrier.allowed.example")
    addresses("172.17.0.1", "192.168.0.1", "10.0.0.1", "100.64.0.1")
""",
    ),
    _attempt(
        "host-address",
        "asks for a tunnel to the host's own public address",
        """
    names("own.allowed.example")
    addresses(GIVEN["own_address"])
""",
    ),
    _attempt(
        "metadata",
        "asks for a tunnel to the addresses where clouds give out credentials",
        """
    names(*(f"{cloud}.allowed.example" for cloud in ("metadata", "azure", "alibaba", "oracle", "ec2-v6")))
    names("metadata.google.internal")
    addresses("169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "[fd00:ec2::254]")
""",
    ),
    _attempt(
        "ipv6-forms",
        "asks for addresses of the host in the clothes that IPv6 has for them",
        """
    forms = "mapped nat64 sixtofour teredo isatap link-local unique-local site-local multicast"
    names(*(f"{form}.allowed.example" for form in forms.split()))
    addresses("[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1%25lo]")
""",
    ),
    _attempt(
        "literals",
        "writes an address as resolvers read it and checks overlook it",
        """
    addresses("2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.1", "127.0.1", "017700000001")
    addresses("127.0.0.1.", "[127.0.0.1]", "127.0.0.1%00.allowed.example", "1.1.1.1")
""",
    ),
    _attempt(
        "rebinding",
        "asks again and again for a name whose address turns into the host's",
        """
    for _ in range(8):
        names("turning.allowed.example")
    names("mixed.allowed.example")
""",
    ),
    _attempt(
        "greeting-of-another",
        "asks for an allowed host, then greets another one, or none, or two",
        """
    def sized(data, width):
        return len(data).to_bytes(width, "big") + data
    def names_of(*found):
        return b"\\0\\0" + sized(sized(b"".join(b"\\0" + sized(name, 2) for name in found), 2), 2)
    def made(*extensions):
        body = b"\\3\\3" + bytes(32) + b"\\0" + sized(b"\\x13\\1", 2) + b"\\1\\0" + sized(b"".join(extensions), 2)
        return b"\\x16\\3\\1" + sized(b"\\1" + sized(body, 3), 2)
    allowed, blocked = b"public.allowed.example", b"blocked.example"
    greetings = [greeting("blocked.example"), greeting("public.allowed.example.blocked.example"), greeting(None)]
    greetings += [made(), made(names_of()), made(names_of(blocked)), made(names_of(allowed + b"\\0")), blocked]
    greetings += [made(names_of(allowed, blocked)), made(names_of(allowed), names_of(blocked))]
    greetings += [made(names_of(blocked), names_of(allowed)), made(names_of(blocked)) + made(names_of(allowed))]
    for sent in greetings:
        tunnel("public.allowed.example:443", sent)
""",
    ),
    _attempt(
        "plain-http",
        "sends plain HTTP through a tunnel to an allowed host",
        """
    target = "public.allowed.example:443"
    tunnel(target, b"GET / HTTP/1.1\\r\\nHost: public.allowed.example\\r\\n\\r\\n")
    tunnel(target, b"POST http://169.254.169.254/ HTTP/1.1\\r\\nContent-Length: 0\\r\\n\\r\\n")
""",
    ),
    _attempt(
        "ssh",
        "speaks SSH through a tunnel, or lets the other side speak first, on port 22 and on 443",
        """
    for port in (22, 443):
        tunnel(f"public.allowed.example:{port}", b"SSH-2.0-OpenSSH_9.2\\r\\n")
    tunnel("public.allowed.example:22", greeting("public.allowed.example"))
    # Whoever says nothing is not told anything either; cut off after 10 s, which is not waited for.
    tunnel("public.allowed.example:443")
""",
    ),
    _attempt(
        "other-ports",
        "asks an allowed host for other ports than that of HTTPS",
        """
    for port in (1, 25, 80, 2375, 8443, 65535, 65979, "0443x", "-443", "443,22", "443:22", "%34%34%33"):
        tunnel(f"public.allowed.example:{port}", greeting("public.allowed.example"))
""",
    ),
    _attempt(
        "trailing-dot",
        "writes a host so that the list and the resolver read different names",
        """
    names("blocked.example.", "public.allowed.example.")
    odd = ("\\0.allowed.example", "%00.allowed.example", ":443#.allowed.example", "/.allowed.example")
    odd = ("..allowed.example", " .allowed.example", *odd)
    for target in ("x@blocked.example", ".public.allowed.example", *(f"blocked.example{end}" for end in odd)):
        tunnel(f"{target}:443", greeting("blocked.example"))
    tunnel("blocked.example:443", greeting("blocked.example"), "Host: public.allowed.example:443\\r\\n")
    tunnel("blocked.example:443", greeting("public.allowed.example"))
""",
    ),
    _attempt(
        "likeness",
        "asks for hosts whose names only look like an allowed one",
        """
    names("allowed.example", "evilallowed.example", "public.allowed.example.blocked.example", "allowed.example.com")
    names("public-allowed.example", "public.allowed.examples", "example", "*.allowed.example")
""",
    ),
    _attempt(
        "punycode",
        "writes a host in another alphabet, or in an encoding that stands for an allowed one",
        """
    names("xn--public-.allowed.example", "xn--.allowed.example", "xn--999999b.allowed.example")
    names("pu--lic.allowed.example", "xn--a-.allowed.example")
    for host in ("p\\u00fcblic.allowed.example", "public\\u00b7allowed.example"):
        tunnel(f"{host}:443", greeting("public.allowed.example"))
""",
    ),
    _attempt(
        "plain-proxy",
        "asks the door for plain HTTP, or for another protocol, as other proxies give it",
        """
    places = ("http://public.allowed.example/", "https://public.allowed.example/", "ftp://blocked.example/")
    for line in (f"{method} {place} HTTP/1.1" for method in ("GET", "POST") for place in places):
        with socket.create_connection(("127.0.0.1", GIVEN["broker_port"]), 3) as door:
            door.sendall(f"{line}\\r\\nHost: public.allowed.example\\r\\nConnection: close\\r\\n\\r\\n".encode())
            said = door.recv(4096)
            print(line, said.split(b"\\r\\n")[0].decode(), file=sys.stderr)
            reveal(said)
    tunnel("public.allowed.example:443", greeting("public.allowed.example"), "Content-Length: 9\\r\\n")
    tunnel("public.allowed.example:443", b"", "Upgrade: websocket\\r\\nTransfer-Encoding: chunked\\r\\n")
""",
    ),
    Attempt(
        "egress-dns",
        "looks a name up at every name server that it can think of, over UDP and TCP",
        python("""
            question = b"\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\6secret\\7example\\0\\0\\x10\\0\\1"
            listed = re.findall(rb"nameserver\\s+(\\S+)", content("/etc/resolv.conf"))
            usual = {"127.0.0.1", "127.0.0.11", "127.0.0.53", "172.17.0.1", "8.8.8.8"}
            servers = {each.decode() for each in listed} | usual
            def over_udp(server):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
                    line.settimeout(3)
                    # Connected, so that it is told where nobody listens.
                    line.connect((server, 53))
                    line.send(question)
                    return reveal(line.recv(4096))
            def over_tcp(server):
                with socket.create_connection((server, 53), 3) as line:
                    line.sendall(len(question).to_bytes(2, "big") + question)
                    return reveal(line.recv(4096))
            each(sorted(servers), lambda server: over_udp(server))
            each(sorted(servers), lambda server: over_tcp(server))
            socket.getaddrinfo("example.com", 443)
        """),
        Control(
            "where somebody answers on the name servers' port",
            (*ROOT, "--volume", "{host_secret}:{host_secret}:ro", "--env", "SECRET={host_secret}", "--env", "DNS=1"),
            before="""
setsid python3 - <<'END' >/dev/null 2>&1 &
import os, socket
line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
line.bind(("127.0.0.1", 53))
open("/tmp/answers", "w").close()
while True:
    asked, who = line.recvfrom(4096)
    line.sendto(asked + open(os.environ["SECRET"], "rb").read(), who)
END
until [ -e /tmp/answers ]; do sleep 0.1; done
""",
        ),
    ),
)
