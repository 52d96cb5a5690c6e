/** What a task's sandbox was connected to, and what it was not. */

export const NO_NETWORK = { connections: 0, bytes: 0, blocked: [] };

/** Known by more than their number: what was not reached is told once for each host. */
const FAULTS = ["refused", "unreachable"];

/** The sum after some more connections, and what to tell of them: hosts that were blocked, reasons why others failed. */
export function addUses(sum, uses) {
    const reached = uses.filter(({ outcome }) => ["closed", "cut_off"].includes(outcome));
    const blocked = uses.filter(({ outcome, host }) => outcome === "blocked" && host).map(({ host }) => host);
    const fresh = [...new Set(blocked)].filter((host) => !sum.blocked.includes(host));
    const network = {
        connections: sum.connections + total(reached, "connections"),
        bytes: sum.bytes + total(reached, "sent_bytes") + total(reached, "received_bytes"),
        blocked: [...sum.blocked, ...fresh],
    };
    // What is told in sums was told before.
    const reasons = uses.filter(({ outcome, connections }) => FAULTS.includes(outcome) && connections === 1);
    return { network, fresh, reasons: reasons.map(({ reason }) => reason) };
}

function total(uses, field) {
    return uses.reduce((sum, use) => sum + use[field], 0);
}
