"""Attempts to reach the host: its devices, its kernel's settings, its network, its processes, its engine."""

from tests.escape.attempt import Attempt, Control, python
from tests.escape.layouts import HOST, POWERFUL, ROOT, UNFILTERED, USER

_POWERFUL = Control("for root with powers", POWERFUL)
_ON_THE_HOST = Control("for root in the host's namespaces", HOST)
_ON_ITS_NETWORK = Control("on the host's network", (*USER[2:], "--network", "host"))

HOST_WALLS = (
    Attempt(
        "disk-device",
        "makes a device node of the host's disk and reads it",
        python("""
            def read(line):
                major, minor, _, name = line.split()
                node = f"/tmp/{name}"
                with contextlib.suppress(FileExistsError):
                    os.mknod(node, 0o60600, os.makedev(int(major), int(minor)))
                through(f"{name} {len(content_of(node))} bytes")
                return True
            def content_of(path):
                with open(path, "rb") as disk:
                    return disk.read(4096)
            each([*open("/proc/partitions").read().split("\\n")[2:-1], "7 0 0 loop0"], read)
        """),
        _POWERFUL,
    ),
    Attempt(
        "memory-device",
        "makes a device node of the kernel's log or of memory and reads it",
        python("""
            def read(minor):
                node = f"/tmp/character-{minor}"
                with contextlib.suppress(FileExistsError):
                    os.mknod(node, 0o20600, os.makedev(1, minor))
                fd = os.open(node, os.O_RDONLY | os.O_NONBLOCK)
                through(len(os.read(fd, 8192)))
                return True
            each([1, 11], read)
        """),
        _POWERFUL,
    ),
    Attempt(
        "kernel-figures",
        "reads what the kernel tells of the whole host: its interrupts, timers, addresses, firmware",
        python("""
            def read(path):
                if content(path).strip():
                    through(path)
                    return True
            each(["/proc/interrupts", "/proc/timer_list", "/proc/kcore", "/sys/firmware/memmap"], read)
        """),
        _POWERFUL,
    ),
    Attempt(
        "kernel-log",
        "reads the kernel's log by its system call",
        python("""
            room = ctypes.create_string_buffer(1 << 16)
            through(syscall(103, 3, room, 1 << 16))
        """),
        _POWERFUL,
    ),
    Attempt(
        "core-pattern",
        "has the kernel start a program of its own on the host when something crashes",
        python("""
            with open("/proc/sys/kernel/core_pattern", "r+") as file:
                # What is there already: where this succeeds, nothing must change.
                same = file.read()
                file.seek(0)
                file.write(same)
            through()
        """),
        _POWERFUL,
    ),
    Attempt(
        "kernel-settings",
        "changes settings of the kernel below /proc and /sys",
        python("""
            def change(path):
                # What is there already, or the harmless order that lists all orders: nothing must change.
                text = "h" if path.endswith("sysrq-trigger") else open(path).read()
                with open(path, "w") as file:
                    file.write(text)
                through(path)
                return True
            paths = ["/proc/sysrq-trigger", "/sys/kernel/uevent_helper", "/proc/sys/kernel/modprobe"]
            each([*paths, "/proc/sys/vm/overcommit_memory"], change)
        """),
        _POWERFUL,
    ),
    Attempt(
        "release-agent",
        "has the kernel start a program of its own on the host when a group of processes is empty",
        python("""
            os.makedirs("/tmp/groups", exist_ok=True)
            def change(kind):
                call("mount", b"none", b"/tmp/groups", b"cgroup", 0, kind.encode())
                with open("/tmp/groups/release_agent", "r+") as file:
                    same = file.read()
                    file.seek(0)
                    file.write(same or "\\n")
                call("umount", b"/tmp/groups")
                through(kind)
                return True
            each([line.split()[0] for line in open("/proc/cgroups") if line[0] != "#"], change)
        """),
        # The second version of control groups has no such agent.
        Control("for root with powers", POWERFUL, needs={"/sys/fs/cgroup/cgroup.controllers": "none"}),
    ),
    Attempt(
        "own-limits",
        "lifts the limits of its own control group",
        python("""
            def lift(name):
                path = f"/sys/fs/cgroup{name}"
                # Remounted writable, by itself.
                for mount in (b"/sys/fs/cgroup", os.path.dirname(path).encode()):
                    with contextlib.suppress(OSError):
                        call("mount", b"none", mount, None, 32 | 4096, None)
                with open(path, "r+") as file:
                    file.write("max")
                through(path)
                return True
            own = open("/proc/self/cgroup").read().split("\\n")[0].split(":")[2].rstrip("/")
            each(["/pids.max", f"{own}/pids.max", "/pids/pids.max", f"/pids{own}/pids.max"], lift)
        """),
        _POWERFUL,
    ),
    Attempt(
        "host-name",
        "changes the host's name",
        python("""
            call("sethostname", b"taken", 5)
            through(os.uname().nodename)
        """),
        _POWERFUL,
    ),
    Attempt(
        "host-clock",
        "adjusts the host's clock",
        python("""
            import struct
            now = ctypes.create_string_buffer(208)
            syscall(159, now)
            # The same tick as before: where this succeeds, nothing must change.
            struct.pack_into("I", now, 0, 0x4000)
            through(syscall(159, now))
        """),
        _POWERFUL,
    ),
    Attempt(
        "engine-socket",
        "speaks to the Docker engine",
        python("""
            def speak(path):
                with socket.socket(socket.AF_UNIX) as line:
                    line.settimeout(5)
                    line.connect(path)
                    line.sendall(b"GET /version HTTP/1.0\\r\\n\\r\\n")
                    if b"ApiVersion" in line.recv(4096) + line.recv(4096):
                        through(path)
                        return True
            found = [path for path in tree() if path.endswith(".sock")]
            each([*found, "/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock"], speak)
        """),
        Control("where the engine's socket is mounted", (*ROOT, "--volume", "/var/run/docker.sock:/run/docker.sock")),
    ),
    Attempt(
        "abstract-socket",
        "connects to a listener of the host whose name is in no folder",
        python("""
            names = [line.split()[-1] for line in open("/proc/net/unix") if "@" in line]
            each(
                [GIVEN["host_abstract"], *(name[1:] for name in names if "@" in name)],
                lambda name: reveal(ask(socket.AF_UNIX, "\\0" + name)),
            )
        """),
        _ON_ITS_NETWORK,
    ),
    Attempt(
        "loopback-service",
        "connects to a service that listens on the host alone",
        python("""
            addresses = ["127.0.0.1", "172.17.0.1", "10.0.2.2", "host.docker.internal", "169.254.169.254"]
            each(addresses, lambda address: reveal(ask(socket.AF_INET, (address, GIVEN["host_port"]))))
        """),
        _ON_ITS_NETWORK,
    ),
    Attempt(
        "sniff",
        "listens to all that goes over the network interfaces",
        python("""
            with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as wire:
                wire.settimeout(2)
                until = time.time() + 2
                while time.time() < until and not reveal(wire.recv(65535)):
                    pass
        """),
        Control("for root on the host's network", (*ROOT[2:], "--network", "host")),
    ),
    Attempt(
        "raw-socket",
        "sends packets that it makes up itself",
        python("""
            with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
                raw.sendto(bytes([8, 0, 0xF7, 0xFF, 0, 0, 0, 0]), ("127.0.0.1", 0))
            through()
        """),
        Control("for root", ROOT),
    ),
    Attempt(
        "interfaces",
        "gives its network interface another address",
        python("""
            import fcntl, struct
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
                number = socket.inet_aton("127.7.7.7")
                address = struct.pack("16sH2s4s8s", b"lo:7", socket.AF_INET, bytes(2), number, bytes(8))
                fcntl.ioctl(any_socket, 0x8916, address)
            through()
        """),
        _POWERFUL,
    ),
    Attempt(
        "vsock",
        "opens a line to the hypervisor, which no network namespace closes",
        python("""
            socket.socket(40, socket.SOCK_STREAM).close()
            through()
        """),
        Control("for a user whose system calls nobody filters", UNFILTERED),
    ),
    Attempt(
        "host-process",
        "finds a process of the host and signals it",
        python("""
            def signal(pid):
                # Not a process of ours, whose text says this too.
                if b"escape" + b".bystander" in content(f"/proc/{pid}/cmdline"):
                    os.kill(pid, 0)
                    through(pid)
                    return True
            each(pids(), signal)
        """),
        _ON_THE_HOST,
    ),
    Attempt(
        "enter-namespaces",
        "enters the host's namespaces and reads a file there",
        python("""
            def enter(pid):
                fd = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
                call("setns", fd, 0)
                return reveal(open(GIVEN["host_secret"], "rb").read())
            each([GIVEN["host_pid"], *pids()], enter)
        """),
        _ON_THE_HOST,
    ),
    Attempt(
        "file-handle",
        "opens a file of the host's disk by its number, past every folder that was mounted",
        python("""
            import struct
            # The root folder of the file system that the volume lies on: ext4 knows it as 2, xfs as 128.
            def open_root(number):
                handle = ctypes.create_string_buffer(struct.pack("IiII", 8, 1, number, 0))
                root = syscall(304, os.open(GIVEN["anchor"], os.O_RDONLY), handle, os.O_RDONLY)
                path = GIVEN["neighbour_folder"].lstrip("/") + "/neighbour.secret"
                with open(os.open(path, os.O_RDONLY, dir_fd=root), "rb") as file:
                    return reveal(file.read())
            each([2, 128], open_root)
        """),
        Control("for root with powers", POWERFUL),
    ),
    Attempt(
        "supervisor-program",
        "replaces the supervisor's program, which other sandboxes run as well",
        python("""
            guest = GIVEN["guest"]
            def spoil(act):
                act()
                through()
                return True
            each(
                [
                    lambda: open(f"{guest}/planted.py", "w").close(),
                    lambda: open(f"{guest}/__main__.py", "a").close(),
                    lambda: os.rename(f"{guest}/guest", f"{guest}/other"),
                    lambda: os.unlink(f"{guest}/__main__.py"),
                    lambda: os.chmod(guest, 0o777),
                ],
                spoil,
            )
        """),
        Control("where a folder of root's is mounted writable", (*ROOT, "--volume", "{scratch}/guest:{guest}")),
    ),
    Attempt(
        "broker-folder",
        "puts a socket or a link beside the broker's socket, or in its place",
        python("""
            folder = GIVEN["broker"]
            def spoil(act):
                act()
                through()
                return True
            each(
                [
                    lambda: os.symlink("/var/run/docker.sock", f"{folder}/other.sock"),
                    lambda: socket.socket(socket.AF_UNIX).bind(f"{folder}/mine.sock"),
                    lambda: os.rename(f"{folder}/broker.sock", f"{folder}/away.sock"),
                    lambda: os.unlink(f"{folder}/broker.sock"),
                    lambda: os.chmod(f"{folder}/broker.sock", 0),
                    lambda: open(f"{folder}/alive", "w").close(),
                ],
                spoil,
            )
        """),
        Control("where a folder of root's is mounted writable", (*ROOT, "--volume", "{scratch}/broker:{broker}")),
    ),
)
