"""Attempts to gain power: in the kernel, as another user, through programs of root's."""

from tests.escape.attempt import Attempt, Control, python
from tests.escape.layouts import POWERFUL, ROOT, UNFILTERED, VOLUME
from tests.escape.planting import CAPABLE, ROOT_SHELL

_UNFILTERED = Control("for a user whose system calls nobody filters", UNFILTERED)
_POWERFUL = Control("for root with powers", POWERFUL)

PRIVILEGE = (
    Attempt(
        "setuid-program",
        "becomes root by a setuid shell of root's that lies on the volume",
        python(f"""
            import subprocess
            said = subprocess.run([{ROOT_SHELL!r}, "-p", "-c", "id -u; id -ru"], capture_output=True, text=True)
            print(said.stdout.split(), said.stderr.strip(), file=sys.stderr)
            if said.stdout.split()[:1] == ["0"]:
                through()
        """),
        Control("for a user on the same volume", VOLUME),
    ),
    Attempt(
        "file-capability",
        "becomes root by a Python that has the file capability to become anybody",
        python(f"""
            import subprocess
            program = "import os; os.setuid(0); print(os.geteuid())"
            said = subprocess.run([{CAPABLE!r}, "-I", "-c", program], capture_output=True, text=True)
            print((said.stderr.strip() or said.stdout).splitlines()[-1], file=sys.stderr)
            if said.stdout.strip() == "0":
                through()
        """),
        Control("for a user on the same volume", VOLUME),
    ),
    Attempt(
        "become-neighbour",
        "takes the uid of the other sandbox",
        python("""
            os.setresuid(*[int(GIVEN["neighbour_uid"])] * 3)
            through(os.getuid())
        """),
        Control("for root", ROOT),
    ),
    Attempt(
        "raise-capabilities",
        "takes back the capabilities that were dropped: in its sets, and in those that it hands on",
        python("""
            import struct
            header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0))
            every = 1 << 13 | 1 << 6 | 1 << 7
            syscall(126, header, ctypes.create_string_buffer(struct.pack("IIIIII", every, every, every, 0, 0, 0)))
            syscall(157, 47, 2, 7, 0, 0)
            through("CAP_SETUID is ambient")
        """),
        Control("for root", ROOT),
    ),
    Attempt(
        "mount",
        "mounts a file system, over the supervisor's program or anywhere",
        python("""
            each(
                ["/mnt", "/tmp", "/opt"],
                lambda target: call("mount", b"none", target.encode(), b"tmpfs", 0, None) or not through(target),
            )
        """),
        _POWERFUL,
    ),
    Attempt(
        "remount-root",
        "makes the read-only root writable",
        python("""
            call("mount", b"none", b"/", None, 32 | 4096, None)
            with open("/usr/bin/planted", "w") as file:
                file.write("planted")
            through()
        """),
        _POWERFUL,
    ),
    Attempt(
        "new-mount-api",
        "makes a file system by the calls that came after mount",
        python("""
            fd = syscall(430, b"tmpfs", 0)
            syscall(431, fd, 6, None, None, 0)
            through(syscall(432, fd, 0, 0))
        """),
        _POWERFUL,
    ),
    Attempt(
        "chroot",
        "changes its root folder",
        python("""
            os.chroot("/opt")
            through(os.listdir("/"))
        """),
        Control("for root", ROOT),
    ),
    Attempt(
        "user-namespace",
        "becomes root of a user namespace of its own, from where much of the kernel is in reach",
        python("""
            call("unshare", 0x10000000)
            through()
        """),
        _POWERFUL,
    ),
    Attempt(
        "clone-user-namespace",
        "makes a process in a new user namespace, by clone and by clone3",
        python("""
            import struct
            def clone(number):
                if number == 56:
                    pid = syscall(56, 0x10000000 | 17, 0, 0, 0, 0)
                else:
                    asked = struct.pack("QQQQQQQQ", 0x10000000, 0, 0, 0, 17, 0, 0, 0)
                    pid = syscall(435, ctypes.create_string_buffer(asked), len(asked))
                if pid == 0:
                    os._exit(0)
                os.waitpid(pid, 0)
                through(number)
                return True
            each([56, 435], clone)
        """),
        _POWERFUL,
    ),
    Attempt(
        "network-namespace",
        "makes namespaces of the network, of mounts and of processes",
        python("""
            each([0x40000000, 0x00020000, 0x20000000], lambda kind: call("unshare", kind) or not through(kind))
        """),
        _POWERFUL,
    ),
    Attempt(
        "keyring",
        "keeps a key in the kernel's keyring, which knows users and no containers",
        python("""
            through(syscall(248, b"user", b"escape", b"payload", 7, -4))
        """),
        _UNFILTERED,
    ),
    Attempt(
        "bpf",
        "makes a map of the kernel's BPF machine",
        python("""
            import struct
            attributes = struct.pack("IIIII", 2, 4, 4, 1, 0) + bytes(100)
            through(syscall(321, 0, ctypes.create_string_buffer(attributes), 72))
        """),
        _POWERFUL,
    ),
    Attempt(
        "io-uring",
        "opens an io_uring, by which calls are made that no filter sees",
        python("""
            through(syscall(425, 4, ctypes.create_string_buffer(120)))
        """),
        Control(
            "for a user whose system calls nobody filters",
            UNFILTERED,
            needs={"/proc/sys/kernel/io_uring_disabled": "0"},
        ),
    ),
    Attempt(
        "perf-events",
        "counts events of the kernel's performance monitor",
        python("""
            import struct
            attributes = struct.pack("IIQQQQQ", 1, 112, 0, 0, 0, 0, 0) + bytes(80)
            through(syscall(298, ctypes.create_string_buffer(attributes), 0, -1, -1, 0))
        """),
        _POWERFUL,
    ),
    Attempt(
        "userfaultfd",
        "holds the kernel at page faults, which makes races easy to win",
        python("""
            through(syscall(323, 0))
        """),
        _POWERFUL,
    ),
    Attempt(
        "personality",
        "makes everything that can be read run as a program",
        python("""
            syscall(135, 0x0400000)
            through(syscall(135, 0xFFFFFFFF))
        """),
        _UNFILTERED,
    ),
    Attempt(
        "other-door",
        "makes system calls by the door for 32 bits, where they have other numbers",
        python("""
            import mmap
            code = mmap.mmap(-1, 4096, prot=7)
            # mov eax, 20 (getpid there); int 0x80; ret
            code.write(bytes([0xB8, 20, 0, 0, 0, 0xCD, 0x80, 0xC3]))
            ask = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
            child = os.fork()
            if child == 0:
                os._exit(7 if ask() == os.getpid() else 1)
            status = os.waitpid(child, 0)[1]
            print("ended by signal", status & 127, file=sys.stderr)
            if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 7:
                through()
        """),
        _UNFILTERED,
    ),
    Attempt(
        "priority",
        "runs ahead of every process of the host",
        python("""
            os.setpriority(os.PRIO_PROCESS, 0, -20)
            through(os.getpriority(os.PRIO_PROCESS, 0))
        """),
        _POWERFUL,
    ),
    Attempt(
        "raise-limits",
        "raises the limits that it was given",
        python("""
            import resource
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (hard + 1, hard + 1))
                through(hard + 1)
            except ValueError as error:
                refused(error)
        """),
        Control("for root with the power over resources", (*ROOT, "--cap-add=SYS_RESOURCE", "--ulimit", "nofile=1000")),
    ),
    Attempt(
        "write-root-files",
        "puts its own code where every Python, every shell or every program looks",
        python("""
            def plant(path):
                with open(path, "a") as file:
                    file.write("")
                through(path)
                return True
            each(["/usr/lib/python3/dist-packages/sitecustomize.py", "/etc/profile", "/etc/ld.so.preload"], plant)
        """),
        Control("for root", ROOT),
    ),
)
