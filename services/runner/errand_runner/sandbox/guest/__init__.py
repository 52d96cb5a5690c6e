"""The supervisor: the process inside a sandbox that runs commands and moves files for the runner.

Standard library only, Python 3.8 or newer: it is mounted into images that we did not make. It speaks frames over its
stdin and stdout, is silent until spoken to, and ends when stdin does. `guest_install` makes of it a folder that Python
runs. Usage: `python3 -I -S FOLDER [PORT SOCKET]`; with both, 127.0.0.1:PORT is carried to the unix socket SOCKET.
"""
