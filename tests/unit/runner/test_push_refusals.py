"""What GitHub says when it refuses a push is put into words that say what to do, and told as it was said too."""

import pytest

from errand_runner.push_refusals import meaning

PROTECTED = """\
remote: error: GH006: Protected branch update failed for refs/heads/errand/tsk_1.
remote: error: Changes must be made through a pull request.
 ! [remote rejected] errand/tsk_1 -> errand/tsk_1 (protected branch hook declined)"""
RULE = """\
remote: error: GH013: Repository rule violations found for refs/heads/errand/tsk_1.
remote: Review all repository rules at https://github.com/octo/demo/rules?ref=refs%2Fheads%2Ferrand%2Ftsk_1
remote: - Commits must have verified signatures.
 ! [remote rejected] errand/tsk_1 -> errand/tsk_1 (push declined due to repository rule violations)"""
SECRET = """\
remote: error: GH013: Repository rule violations found for refs/heads/errand/tsk_1.
remote: - GITHUB PUSH PROTECTION
remote:     - Push cannot contain secrets
remote:        (?) Learn how to resolve a blocked push
remote:        https://github.com/octo/demo/security/secret-scanning/unblock-secret/2abc
 ! [remote rejected] errand/tsk_1 -> errand/tsk_1 (push declined due to repository rule violations)"""
LARGE = """\
remote: error: GH001: Large files detected. You may want to try Git Large File Storage.
remote: error: File data/big.bin is 120.00 MB; this exceeds GitHub's file size limit of 100.00 MB
 ! [remote rejected] errand/tsk_1 -> errand/tsk_1 (pre-receive hook declined)"""
PRIVATE = "remote: error: GH007: Your push would publish a private email address."
WORKFLOW = (
    " ! [remote rejected] errand/tsk_1 -> errand/tsk_1 (refusing to allow an OAuth App to create or update workflow "
    "`.github/workflows/ci.yml` without `workflow` scope)"
)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (PROTECTED, "its owner can leave errand/* out of that protection"),
        (RULE, "refuses the branch (https://github.com/octo/demo/rules?ref=refs%2Fheads%2Ferrand%2Ftsk_1)"),
        (SECRET, "allow it at https://github.com/octo/demo/security/secret-scanning/unblock-secret/2abc"),
        (LARGE, "no file over 100 MB, and data/big.bin is larger"),
        (PRIVATE, "a mail address that its owner keeps private"),
        (WORKFLOW, "may not change .github/workflows"),
    ],
    ids=["protected", "rule", "secret", "large", "private address", "workflow"],
)
def test_each_refusal_says_what_helps_and_what_was_said(said: str, words: str) -> None:
    told = meaning(f"git push: {said}")

    assert words in told
    assert told.endswith(f"Git said: git push: {said}")


def test_what_is_not_known_is_told_as_it_was_said() -> None:
    assert meaning("git push: no pushes today") == "git push: no pushes today"
