"""The RPC edges: they check the whole request, call one operation, and translate."""
