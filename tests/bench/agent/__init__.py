"""The loop: what it adds to model and tools, what it reads from the model's cache, and how many fit into a process."""
