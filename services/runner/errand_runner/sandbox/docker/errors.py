"""What can be wrong with an engine, an image or a sandbox."""


class EngineUnavailable(Exception):
    """No Docker engine answers; the message says why and what to do."""


class ImageMissing(Exception):
    """The image is not on this host."""


class SandboxFailed(Exception):
    """The engine answers, but did not do what this sandbox needs."""
