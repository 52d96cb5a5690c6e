"""No-op tasks through the whole life, beside queues that people know."""
