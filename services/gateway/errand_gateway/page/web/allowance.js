/** What a task may spend and spent, limit by limit, in a person's units. */

import { count, moment, money } from "./format.js";

const MONEY = /^\$?\s*\d+([.,]\d{1,2})?$/;
const WHOLE = /^\d+$/;
const NANODOLLARS = 1e9;
const RAISE_DOLLARS = 2;

/**
 * The limits, money first: their field of an allowance, how much of it one of a person's units is, the most units that
 * there can be, and the words by which a runner says that it does not reach.
 */
export const LIMITS = [
    limit("cost_nanodollars", "Dollars", NANODOLLARS, 1e6, { form: MONEY, such: "2 or 2.50", said: "that this task may cost", units: dollars }),
    limit("tokens", "Tokens", 1, 1e12, { form: WHOLE, such: "500000", said: "that this task may use", units: named("token") }),
    limit("requests", "Requests to Claude", 1, 1e6, { form: WHOLE, such: "50", said: "that this task may make", units: named("request") }),
    limit("work_duration", "Minutes at work", 60, 525_600, { form: WHOLE, such: "30", said: "that this task may take", units: named("minute") }),
];

function limit(field, name, unit, most, { form, such, said, units }) {
    return { field, name, unit, most, form, such, said, units };
}

/** Those that an allowance has. */
export function limitsOf(allowance) {
    return LIMITS.filter(({ field }) => allowance?.[field] > 0);
}

/** What a task spent by its story, as an allowance counts it; without its cost where that is unknown. */
export function spentOf({ usage, workSeconds }) {
    const { given, written, requests, nanodollars, priced } = usage;
    const cost_nanodollars = priced ? nanodollars : undefined;
    return { cost_nanodollars, tokens: given + written, requests, work_duration: workSeconds };
}

/** How much of a limit is spent: "$1.96 of $2". */
export function ofLimit({ field, unit, units }, spent, allowance) {
    const most = units(allowance[field] / unit);
    if (field === "cost_nanodollars") {
        return spent[field] === undefined ? `unknown cost of ${most}` : `${money(spent[field])} of ${most}`;
    }
    return `${count(Math.floor(spent[field] / unit))} of ${most}`;
}

/**
 * Of the limits that there are, the one that a runner says does not reach; where it says none, the one of which most is
 * spent.
 */
export function nearest(limits, { spent, allowance, words }) {
    const share = ({ field }) => (spent[field] ?? 0) / allowance[field];
    const most = limits.reduce((first, each) => (share(first) >= share(each) ? first : each));
    return limits.find(({ said }) => words.includes(said)) ?? most;
}

/** By how many units one tap raises a limit: two dollars, or half of what it is. */
export function step({ field, unit }, allowance) {
    return field === "cost_nanodollars" ? RAISE_DOLLARS : Math.max(1, Math.ceil(allowance[field] / unit / 2));
}

/** What a person typed, in units; as `error` what is wrong with it. */
export function amountOf({ name, most, form, such, units }, typed) {
    const text = typed.trim();
    if (!form.test(text)) {
        return { error: `${name}: “${text}” is no amount; type digits, such as ${such}.` };
    }
    const amount = Number(text.replace(/[$\s]/g, "").replace(",", "."));
    return amount > most ? { error: `${name}: ${units(most)} is the most; type less.` } : { amount };
}

/** The value of an allowance's field for so many units. */
export function valueOf({ unit }, amount) {
    return Math.round(amount * unit);
}

/** All limits of an allowance: "$4, 50 requests". */
export function allowanceWords(allowance) {
    return limitsOf(allowance).map(({ field, unit, units }) => units(allowance[field] / unit)).join(", ") || "no limit";
}

/** What is left of a person's day: "Left today: $12 of $20, until 1:00". */
export function dayWords(day) {
    if (!day) {
        return "";
    }
    const { limit_nanodollars: most, spent_nanodollars: spent, held_nanodollars: held, end_time: end } = day;
    const until = `the day ends ${moment(Date.parse(end))}`;
    if (!most) {
        return `Spent today: ${money(spent)}; ${until}.`;
    }
    const left = Math.max(most - spent - held, 0);
    const aside = held ? ` and ${money(held)} set aside for tasks at work` : "";
    return `Left today: ${money(left)} of ${dollars(most / NANODOLLARS)}, with ${money(spent)} spent${aside}; ${until}.`;
}

function dollars(amount) {
    return `$${amount.toLocaleString("en", { minimumFractionDigits: amount % 1 ? 2 : 0, maximumFractionDigits: 4 })}`;
}

function named(noun) {
    return (amount) => `${amount.toLocaleString("en", { maximumFractionDigits: 1 })} ${noun}${amount === 1 ? "" : "s"}`;
}
