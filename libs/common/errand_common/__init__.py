"""What every Errand service shares: domain values, wire, errors, RPC, log, configuration."""

import os

# gRPC's core writes lines of its own to stderr, beside the log, and reads this once, when it is first imported. What it
# would say comes with the errors too.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
