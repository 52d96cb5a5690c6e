"""Who gets which waiting task, a pure plan over memory, and why the rest waits, in words."""
