"""What Claude is told: the same beginning for all tasks, and a first message with what is particular to one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files

from errand_runner.agent.blocks import Block
from errand_runner.agent.redact import Redactor

# Nothing in it may change from day to day or task to task: every cache entry begins with it.
SYSTEM = files(__package__).joinpath("system.md").read_text("utf-8")

MID_WORK = "The person wrote this while you were working; it counts from here on:"

AFTER_WAIT = (
    "While the task waited, the sandbox was closed: what ran in it has ended; files in your working folder are kept."
)

BACKGROUND_ENDED = "What you had started in the background has ended meanwhile."

LFS = (
    "Files that .gitattributes gives to Git LFS are here as pointers, three lines of text each, and not their content,"
    " which cannot be had in this sandbox: leave them as they are, and add no file that LFS would take."
)

# A guide file is meant to be short; a longer one must not crowd out the work.
GUIDE_CHARS = 32_000


@dataclass(frozen=True)
class Particulars:
    """What is particular to a task.

    `network` says in a sentence what is reached beside the repository; `guides` are the texts of files such as
    AGENTS.md by their name, `secrets` the names of those in the environment of every command.
    """

    project: str
    branch: str
    base_branch: str
    workspace: str
    day: date
    network: str
    guides: Mapping[str, str] = field(default_factory=dict)
    secrets: Sequence[str] = ()
    read_repositories: Sequence[str] = ()
    uses_lfs: bool = False


def first_message(prompt: str, about: Particulars, redactor: Redactor) -> Sequence[Block]:
    """Gives the content of a task's first message: where Claude is, the project's customs, then the person's words."""
    lines = [
        f"Today is {about.day:%A}, {about.day.isoformat()}.",
        f"Project: {about.project}, cloned in {about.workspace}.",
        f"Branch: {about.branch}, made from {about.base_branch}.",
        f"Network: {about.network}",
    ]
    if about.secrets:
        names = ", ".join(about.secrets)
        lines.append(f"Secrets in your commands' environment: {names}. Use them by name: you read [redacted] for them.")
    if about.read_repositories:
        lines.append(f"Repositories that git can fetch here too, and not push: {', '.join(about.read_repositories)}.")
    if about.uses_lfs:
        lines.append(LFS)
    guides = [_guide(name, redactor.text(text)) for name, text in _each_once(about.guides)]
    return [_text(redactor, "\n".join(lines)), *(_text(redactor, guide) for guide in guides), _text(redactor, prompt)]


def follow_up(words: str, redactor: Redactor) -> Sequence[Block]:
    """Gives the content of a later message from the person."""
    return [_text(redactor, words)]


def steer(words: str, redactor: Redactor) -> Sequence[Block]:
    """Gives what the person says in mid-work: it stands behind tool results, and must not be taken for one."""
    return [_text(redactor, f"{MID_WORK}\n\n{words}")]


def _each_once(guides: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    """Names and text of those that say something. One is often a link to another: then it has both names."""
    names: dict[str, list[str]] = {}
    for name, text in sorted(guides.items()):
        if text.strip():
            names.setdefault(text, []).append(name)
    return [(", ".join(found), text) for text, found in names.items()]


def _guide(name: str, text: str) -> str:
    if len(text) > GUIDE_CHARS:
        text = f"{text[:GUIDE_CHARS]}\n[The rest of {name} is left out here; read the file.]"
    return f'<guide file="{name}">\n{text.strip()}\n</guide>'


def _text(redactor: Redactor, text: str) -> Block:
    return {"type": "text", "text": redactor.text(text)}
