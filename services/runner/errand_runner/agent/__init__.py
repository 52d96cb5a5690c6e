"""The loop that talks to Claude and runs its tools; it knows nothing of Docker, GitHub, gRPC or storage."""
