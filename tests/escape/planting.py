"""What an attacker may find on a volume: programs that are root's and want to stay so."""

import asyncio
import subprocess

ROOT_SHELL = "/workspace/planted/rootshell"
"""A shell of root's with the setuid bit."""

CAPABLE = "/workspace/planted/capable"
"""A Python with the file capability to become anybody."""

# Version 2, effective; CAP_SETUID is the 7th.
_SETUID_CAPABILITY = "0x0100000280000000000000000000000000000000"

_PLANT = f"""
mkdir -p /workspace/planted
cp /bin/bash {ROOT_SHELL}
chmod 4755 {ROOT_SHELL}
cp "$(readlink -f /usr/bin/python3)" {CAPABLE}
python3 -c 'import os, sys; os.setxattr(sys.argv[1], "security.capability", bytes.fromhex(sys.argv[2][2:]))' \\
    {CAPABLE} {_SETUID_CAPABILITY}
"""


async def plant_root_programs(image: str, volume: str) -> None:
    """Puts them on the volume, as root."""
    argv = [
        "docker",
        "run",
        "--rm",
        "--network",
        "none",
        "--volume",
        f"{volume}:/workspace",
        image,
        "bash",
        "-ec",
        _PLANT,
    ]
    await asyncio.to_thread(subprocess.run, argv, check=True, capture_output=True)
