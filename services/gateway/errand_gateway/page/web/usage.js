/** What a task used of the model. */

export const NO_USAGE = { given: 0, cached: 0, written: 0, requests: 0, nanodollars: 0, priced: true };

/** The sum after one more message. Where a price is unknown the whole cost is. */
export function addUsage(sum, usage) {
    if (!usage) {
        return sum;
    }
    const { input_tokens: fresh, cache_write_tokens: kept, cache_read_tokens: cached } = usage;
    return {
        given: sum.given + fresh + kept + cached,
        cached: sum.cached + cached,
        written: sum.written + usage.output_tokens,
        requests: sum.requests + 1,
        nanodollars: sum.nanodollars + (usage.cost_nanodollars ?? 0),
        priced: sum.priced && usage.cost_nanodollars !== undefined,
    };
}
