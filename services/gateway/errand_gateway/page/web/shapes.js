/** Tokens and keys that are known by their shape are masked where they are shown; what is stored is not touched. */

const MASK = "[masked]";

/** The same as in errand_common/shapes.py, which a test sees to. */
const SHAPES = [
    /\bgh[pousr]_[A-Za-z0-9][A-Za-z0-9_.-]{14,}[A-Za-z0-9_-]/,
    /\bgithub_pat_[A-Za-z0-9_]{20,}/,
    /\bsk-ant-[A-Za-z0-9_-]{16,}/,
    /\b(?:e(?:rs|rr|sv|ut|rn|jt)_|errand-join-)[A-Za-z0-9_-]{40,}/,
    /\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/,
    /(?:aws_secret_access_key|AWS_SECRET_ACCESS_KEY)["']?\s{0,9}[:=]\s{0,9}["']?[A-Za-z0-9/+=]{40}/,
    /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[A-Za-z0-9+/=\s\\:,.]*(?:-[A-Za-z0-9+/=\s\\:,.]+)*(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?/,
];
const ANY = new RegExp(SHAPES.map(({ source }) => source).join("|"), "g");

/** A text as it is shown. */
export function masked(text) {
    return text.replace(ANY, MASK);
}
