"""What lies between two branches."""

from dataclasses import dataclass

from tests.standins.github.git import GitError, git
from tests.standins.github.repositories import Repository


@dataclass(frozen=True)
class Comparison:
    """From the point where they parted to the head."""

    commits: int
    additions: int
    deletions: int
    changed_files: int

    def counts(self) -> dict[str, object]:
        return {
            "commits": self.commits,
            "additions": self.additions,
            "deletions": self.deletions,
            "changed_files": self.changed_files,
        }


async def compare(repository: Repository, *, base: str, head_commit: str) -> Comparison | None:
    """None when the two share no history, or the base is gone."""
    try:
        commits = await git("rev-list", "--count", f"refs/heads/{base}..{head_commit}", directory=repository.directory)
        table = await git("diff", "--numstat", f"refs/heads/{base}...{head_commit}", directory=repository.directory)
    except GitError:
        return None
    rows = [line.split("\t") for line in table.splitlines()]
    return Comparison(
        commits=int(commits),
        additions=sum(_lines(row[0]) for row in rows),
        deletions=sum(_lines(row[1]) for row in rows),
        changed_files=len(rows),
    )


def _lines(column: str) -> int:
    """git writes a dash for a binary file."""
    return 0 if column == "-" else int(column)
