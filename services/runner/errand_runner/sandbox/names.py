"""How Errand's objects on a Docker engine are called and labelled."""


class Label:
    """Label keys; MANAGED is on every object, and the sweeper trusts labels alone."""

    MANAGED = "errand.managed"
    RUNNER = "errand.runner"
    SANDBOX = "errand.sandbox"
    TASK = "errand.task"
    EXPIRES = "errand.expires"
    UID = "errand.uid"
