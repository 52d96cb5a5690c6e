"""Real processes, real containers, real faults."""
