"""What an attempt begins on is told: to who watches, and to Claude, who knows another working folder."""

from collections.abc import Sequence

from errand.v1.task_pb2 import Task
from errand_runner.record import Recorder
from errand_runner.workspace import Footing

RESTORED = (
    "Your sandbox and its working folder were lost. The folder was made anew from the last checkpoint: the branch and"
    " all files as they were then, what was not committed is not committed again, and nothing is staged. Ignored files"
    " (dependencies, build output), stashes, other branches and whatever lay outside the folder are gone."
)
CLONED = (
    "Your sandbox and its working folder were lost, and there was no checkpoint. The folder is a new clone: what was"
    " not pushed, ignored files and whatever lay outside the folder are gone."
)
BEHIND = (
    "Since you last worked here, {branch} went on at the git host: it has {count} there that your clone does not have."
    " Fetch and take in what others pushed before you go on, or nothing of yours can be pushed."
)

_LOW_BITS = (1 << 32) - 1


def is_first(fence: int) -> bool:
    """Whether an attempt with this fence is its task's first: (restore generation << 32) + n."""
    return fence & _LOW_BITS == 1


async def tell_footing(footing: Footing, task: Task, recorder: Recorder) -> Sequence[str]:
    """Tell of it what is not as a person would think; what Claude should know of it."""
    notes = []
    if footing.restored is not None:
        await recorder.workspace_restored(footing.restored.commit, head=footing.restored.head)
        notes.append(RESTORED)
    elif footing.fresh:
        notes.append(CLONED)
    if footing.lost:
        await recorder.workspace_restored("", head="")
    if (moved := footing.moved) is not None:
        await recorder.branch_moved(task.branch, commit=moved.commit, recorded=task.head_commit, behind=moved.behind)
        if moved.behind:
            count = "1 commit" if moved.behind == 1 else f"{moved.behind} commits"
            notes.append(BEHIND.format(branch=task.branch, count=count))
    return notes
