"""The whole output of a job: short in memory, longer in a file of the sandbox."""

from __future__ import annotations

import contextlib
import os
import re

# Whoever asked for a shorter output has it whole, whatever is cut from long ones.
SHORT_BYTES = 2000

# What is kept of one output, and of how many; of these the oldest go first.
FILE_BYTES = 16 * 1024 * 1024
MOST_FILES = 64
ALL_FILES_BYTES = 256 * 1024 * 1024

FILE_NAME = re.compile(r"([0-9]{1,15})\.log\Z")
TRIES = 10


class Spool:
    """Numbered files, each in the folder that its job asked for."""

    def __init__(self) -> None:
        self.in_use: set[str] = set()

    def create(self, folder: str) -> tuple[int, str]:
        """A new file as descriptor and path, with room made for it. Raises OSError."""
        os.makedirs(folder, exist_ok=True)
        number = self.make_room(folder) + 1
        for path in (os.path.join(folder, f"{number + more}.log") for more in range(TRIES)):
            with contextlib.suppress(FileExistsError):
                fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
                self.in_use.add(path)
                return fd, path
        raise FileExistsError(f"others make files in {folder}")

    def make_room(self, folder: str) -> int:
        """Removes the oldest files beyond what is kept; returns the highest number so far."""
        found = sorted((int(name[1]), name[0]) for name in map(FILE_NAME.match, os.listdir(folder)) if name)
        sizes = {}
        for _, name in found:
            with contextlib.suppress(OSError):
                sizes[name] = os.lstat(os.path.join(folder, name)).st_size
        total = sum(sizes.values())
        for _, name in found:
            path = os.path.join(folder, name)
            if len(sizes) < MOST_FILES and total <= ALL_FILES_BYTES - FILE_BYTES:
                break
            if path not in self.in_use and name in sizes:
                with contextlib.suppress(OSError):
                    os.unlink(path)
                total -= sizes.pop(name)
        return found[-1][0] if found else 0


class Kept:
    """One job's output, both streams as they came. A file that cannot be written to costs the job nothing."""

    def __init__(self, spool: Spool, folder: str) -> None:
        self.spool = spool
        self.folder = folder
        self.size = 0
        """How much came, whether it could be kept or not."""
        self.beginning = bytearray()
        self.fd: int | None = None
        self.path = ""
        self.in_file = 0
        self.trouble = ""
        """Why what follows the file's end is not in it; empty where it is the limit."""

    @property
    def kept_bytes(self) -> int:
        return self.in_file if self.path else len(self.beginning)

    def take(self, data: bytes) -> None:
        complete = self.kept_bytes == self.size
        self.size += len(data)
        if not complete:
            return
        if not self.path and self.size <= SHORT_BYTES:
            self.beginning += data
            return
        try:
            if not self.path:
                self.fd, self.path = self.spool.create(self.folder)
                self.put(bytes(self.beginning))
            self.put(data)
        except OSError as error:
            self.trouble = str(error)

    def put(self, data: bytes) -> None:
        data = data[: FILE_BYTES - self.in_file]
        while data and self.fd is not None:
            written = os.write(self.fd, data)
            self.in_file += written
            data = data[written:]

    def read(self, offset: int, most: int) -> bytes:
        """What is kept from there. Raises OSError."""
        if not self.path:
            return bytes(self.beginning[offset : offset + most])
        if self.fd is not None:
            return os.pread(self.fd, most, offset)
        fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return os.pread(fd, most, offset)
        finally:
            os.close(fd)

    def close(self) -> None:
        """Nothing more comes; what is kept stays to be read until newer outputs take its room."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None
        self.spool.in_use.discard(self.path)

    def account(self) -> dict[str, object]:
        """For the runner."""
        return {"size": self.size, "kept": self.kept_bytes, "path": self.path, "trouble": self.trouble[:300]}
