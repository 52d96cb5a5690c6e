/** What came of a check, in words. */

import { duration } from "../format.js";

/** Of a result, as the contract has it. */
export function judged({ outcome, reason, duration: took }) {
    switch (outcome) {
        case "passed":
            return `passed in ${duration(took)}`;
        case "failed":
            return `failed: ${reason}`;
        case "not_run":
            return `could not be run: ${reason}`;
    }
    return "the project declares none";
}
