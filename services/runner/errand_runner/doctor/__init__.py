"""`errand-runner doctor`: tries every wall of a sandbox on this host, from inside and from outside."""
