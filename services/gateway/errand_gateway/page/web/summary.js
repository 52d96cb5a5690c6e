/** The summaries that events carry of something longer. */

/** A summary of so many bytes that ends in an ellipsis is the beginning of something longer. */
const CUT_BYTES = 1000;

/** Whether there is more than the summary says. */
export function isCut(summary) {
    return summary.endsWith("…") && new Blob([summary]).size > CUT_BYTES;
}
