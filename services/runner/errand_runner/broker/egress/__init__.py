"""The way to other hosts than the repository's: asked for by CONNECT, judged, pinned to an address, counted."""
