/** What happened at the edge of a task, in a few plain words. */

import { allowanceWords } from "../allowance.js";
import { counted, duration, size } from "../format.js";
import { judged } from "./judged.js";

const WORDS = {
    allowance_low: ({ summary }) => summary,
    allowance_raised: ({ allowance }) => `The allowance is raised: ${allowanceWords(allowance)}`,
    attempt_frozen: ({ reason }) => (reason ? `Paused: ${reason}` : "Paused, since the host was cut off"),
    attempt_thawed: ({ frozen_duration: paused }) =>
        paused === undefined ? "Goes on" : `Goes on after ${duration(paused)}`,
    conversation_shortened: ({ summary }) => summary,
    model_changed: ({ model, replaced_model: declined, reason }) => `${model} goes on in place of ${declined}: ${reason}`,
    sandbox_adopted: () => "Taken up again in the same container",
    sandbox_replaced: ({ reason }) => `Goes on in a new container, with its files: ${reason}`,
    engine_away: ({ reason, patience_duration: patience }) =>
        `Waits for Docker, at most ${duration(patience)}: ${reason}`,
    log_gap: ({ dropped_bytes: missing }) => `… ${size(missing)} of output were not kept`,
    sandbox_limit_hit: ({ summary }) => `Limit: ${summary}`,
    repository_renamed: ({ old_repository: before, repository }) =>
        `${before} is now ${repository} at GitHub: work goes on under that name`,
    push_limited: ({ summary }) => `Limit: ${summary}`,
    pull_request_left: ({ number, reason }) => `${number ? `Pull request #${number}` : "No pull request"}: ${reason}`,
    checkpoint_saved: ({ left_out: leftOut }) => `Files are kept at the git host, but for ${leftOut}`,
    checkpoint_failed: ({ reason }) => `What is not pushed is on its host alone: ${reason}`,
    workspace_restored: ({ commit }) =>
        commit
            ? "Goes on in a new workspace, with the files of the last checkpoint"
            : "Goes on in a new workspace: its checkpoint is gone from the git host",
    branch_moved: ({ branch, commit, behind_count: behind }) =>
        commit
            ? `${branch} is ${behind ? counted(behind, "commit") : "some commits"} behind the git host`
            : `${branch} was removed at the git host`,
    check_finished: ({ result }) => `The check of ${result.commit.slice(0, 10)}: ${judged(result)}`,
    not_reached: ({ reason }) => `Not reached: ${reason}`,
    unknown: () => "Something happened that this version of Errand does not know: its runner is newer",
    task_retried: () => "Sent on",
    wait_ended: () => "Goes on",
    parked: () => "Set aside until it can go on",
};

/** The words of such a fact. */
export function quietWords(fact, detail) {
    return WORDS[fact](detail);
}
