"""A setup script, run by a real supervisor in a folder that stands for the clone."""

from pathlib import Path

import pytest

from errand_runner.agent.redact import Redactor
from errand_runner.lent_secrets import LentSecrets
from errand_runner.sandbox.supervisor import Supervisor
from errand_runner.setup import Setup, SetupFailed

IMAGE = "node:22"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    clone = tmp_path / "work" / "repo"
    clone.mkdir(parents=True)
    return clone


def setup(
    supervisor: Supervisor, folder: Path, script: str, image: str = IMAGE, secrets: LentSecrets | None = None
) -> Setup:
    return Setup(supervisor, script, image=image, secrets=secrets or LentSecrets(), folder=str(folder))


async def run(what: Setup, *, timeout_s: float = 20, secrets: tuple[str, ...] = ()) -> str:
    said: list[str] = []
    await what.run(say=said.append, timeout_s=timeout_s, redactor=Redactor(secrets))
    return "".join(said)


async def test_it_runs_in_the_clone_and_what_it_prints_is_said(supervisor: Supervisor, folder: Path) -> None:
    said = await run(setup(supervisor, folder, "pwd\necho made > file\necho over >&2\n"))
    assert said == f"{folder}\nover\n"
    assert (folder / "file").read_text() == "made\n"
    assert sorted(path.name for path in folder.iterdir()) == ["file"], "nothing of its own is left in the clone"


@pytest.mark.parametrize("script", ["", " \n\t"])
async def test_without_a_script_nothing_is_due(supervisor: Supervisor, folder: Path, script: str) -> None:
    assert not await setup(supervisor, folder, script).is_due()


async def test_the_same_script_in_the_same_clone_runs_once(supervisor: Supervisor, folder: Path) -> None:
    assert await setup(supervisor, folder, "true").is_due()
    await run(setup(supervisor, folder, "true"))
    assert not await setup(supervisor, folder, "true").is_due()
    assert await setup(supervisor, folder, "true # changed").is_due()
    assert await setup(supervisor, folder, "true", image="node:24").is_due()


async def test_it_gets_all_secrets_and_runs_again_when_one_was_changed(supervisor: Supervisor, folder: Path) -> None:
    def with_secret(version: str) -> Setup:
        secrets = LentSecrets(setup={"KEY": "of-the-setup", "GIT_EDITOR": "evil"}, version=version)
        return setup(supervisor, folder, 'echo "$KEY $GIT_EDITOR"', secrets=secrets)

    assert await run(with_secret("sec_1")) == "of-the-setup true\n"
    assert not await with_secret("sec_1").is_due()
    assert await with_secret("sec_2").is_due()
    assert await setup(supervisor, folder, 'echo "$KEY $GIT_EDITOR"').is_due()
    assert b"of-the-setup" not in b"".join(path.read_bytes() for path in folder.parent.rglob("*") if path.is_file())


async def test_one_that_was_cut_off_is_due_again(supervisor: Supervisor, folder: Path) -> None:
    with pytest.raises(SetupFailed, match="did not end within"):
        await run(setup(supervisor, folder, "echo half > file; sleep 60"), timeout_s=0.5)
    assert await setup(supervisor, folder, "echo half > file; sleep 60").is_due()


async def test_the_first_command_that_fails_ends_it_and_its_last_words_are_told(
    supervisor: Supervisor, folder: Path
) -> None:
    failing = setup(supervisor, folder, "echo begun\n(echo no such package; exit 3)\necho never\n")
    with pytest.raises(SetupFailed) as failed:
        await run(failing)
    assert str(failed.value) == "exit code 3; its last words: begun\nno such package"
    assert await failing.is_due()


async def test_a_script_that_prints_much_is_told_by_its_end(supervisor: Supervisor, folder: Path) -> None:
    with pytest.raises(SetupFailed) as failed:
        await run(setup(supervisor, folder, "seq 100000; exit 1"))
    assert str(failed.value).endswith("\n99999\n100000")
    assert len(str(failed.value)) < 700


async def test_one_that_dies_says_by_what(supervisor: Supervisor, folder: Path) -> None:
    with pytest.raises(SetupFailed, match="killed by signal 9; it printed nothing"):
        await run(setup(supervisor, folder, "kill -9 $$"))


async def test_what_it_leaves_running_is_killed(supervisor: Supervisor, folder: Path) -> None:
    await run(setup(supervisor, folder, "(sleep 300; touch late) & echo $! > pid\nsetsid sleep 300 &\n"))
    pid = int((folder / "pid").read_text())
    assert not Path(f"/proc/{pid}").exists()


async def test_a_secret_that_it_prints_is_masked(supervisor: Supervisor, folder: Path) -> None:
    failing = setup(supervisor, folder, "echo the-secret-of-ours; exit 1")
    with pytest.raises(SetupFailed, match=r"\[redacted\]") as failed:
        await run(failing, secrets=("the-secret-of-ours",))
    assert "the-secret" not in str(failed.value)


async def test_a_clone_that_is_gone_is_told(supervisor: Supervisor, folder: Path) -> None:
    folder.rmdir()
    with pytest.raises(SetupFailed, match="could not be started"):
        await run(setup(supervisor, folder, "true"))
