"""How long tests wait for what normally answers at once: a busy host is no failure."""

ANSWER_S = 30.0
"""Of a call to something of our own on this host."""
