"""A Claude with sixty turns of work on a repository. What was interrupted it does again: any turn may be."""

from tests.standins.claude.replies import Reply, Text, Thinking, ToolUse
from tests.standins.claude.request import Request, ToolRun

TURNS = 60
INTERRUPTED = ("may or may not have run", "was not run")


def script(request: Request) -> Reply:
    """The next turn; a last word after the last."""
    turn = sum(not was_interrupted(run) for run in request.runs)
    if turn >= TURNS:
        return Reply([Text(f"Done: {turn} turns.")])
    return Reply([Thinking(f"Turn {turn} is next."), Text(f"Turn {turn} of {TURNS}."), call(turn)])


def was_interrupted(run: ToolRun) -> bool:
    """Whether nobody knows if it ran, or it did not."""
    return run.is_error and any(words in run.output for words in INTERRUPTED)


def call(turn: int) -> ToolUse:
    """What a turn does."""
    name = f"part_{turn // 6}.py"
    match turn % 6:
        case 0:
            return ToolUse("write", {"path": name, "content": f"value = {turn}\n" * (turn + 1)})
        case 1:
            return ToolUse("read", {"path": name})
        case 2:
            return ToolUse(
                "bash", {"command": f"sleep 0.03; sed -i 's/^value = .*/value = {turn}/' {name}; wc -l {name}"}
            )
        case 3:
            return ToolUse("grep", {"pattern": f"value = {turn - 1}", "path": name})
        case 4:
            return ToolUse("bash", {"command": f"python3 -c \"exec(open('{name}').read()); print(value)\""})
        case _:
            commit = f"git add {name}; git diff --cached --quiet || git commit --quiet --message 'Part {turn // 6}'"
            return ToolUse("bash", {"command": f"{commit}; git status --short"})
