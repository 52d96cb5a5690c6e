"""Which system calls a sandbox's processes may make: `allowed` lists them, `conditions` those with a condition, and
`profile` puts them into the form that the engine takes."""

from errand_runner.sandbox.seccomp.profile import profile

__all__ = ["profile"]
