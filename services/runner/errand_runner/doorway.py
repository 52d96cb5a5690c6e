"""Where a sandbox finds its broker: known to both ends, the broker and the container's profile."""

FOLDER = "/run/broker"
"""The folder in the sandbox under which the broker's socket folder is mounted."""

SOCKET_NAME = "broker.sock"

SOCKET_PATH_BYTES = 107
"""What a socket's path may hold, its NUL left out (unix(7))."""

PORT = 3128
"""The loopback port in the sandbox that the supervisor carries to the socket."""
