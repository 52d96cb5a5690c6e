/** Instants, durations, money and counts as people read them. */

const MINUTE_S = 60;
const HOUR_S = 60 * MINUTE_S;
const DAY_S = 24 * HOUR_S;
const WEEK_S = 7 * DAY_S;

/** How long ago an RFC 3339 instant was; of one that is long ago, its day. */
export function age(instant, nowMs = Date.now()) {
    const passedS = (nowMs - Date.parse(instant)) / 1000;
    if (Number.isNaN(passedS)) {
        return "";
    }
    if (passedS < MINUTE_S) {
        return "just now";
    }
    if (passedS < HOUR_S) {
        return `${Math.floor(passedS / MINUTE_S)} min ago`;
    }
    if (passedS < DAY_S) {
        return `${Math.floor(passedS / HOUR_S)} h ago`;
    }
    if (passedS < WEEK_S) {
        return `${Math.floor(passedS / DAY_S)} d ago`;
    }
    return new Date(instant).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });
}

/** A duration given in seconds. */
export function duration(seconds) {
    if (seconds < 10) {
        return `${seconds.toFixed(1)} s`;
    }
    const whole = Math.round(seconds);
    if (whole < MINUTE_S) {
        return `${whole} s`;
    }
    if (whole < HOUR_S) {
        return `${Math.floor(whole / MINUTE_S)} min ${whole % MINUTE_S} s`;
    }
    return `${Math.floor(whole / HOUR_S)} h ${Math.floor((whole % HOUR_S) / MINUTE_S)} min`;
}

/** When something will be: the time of day, with the day where that is another one. */
export function moment(timeMs, nowMs = Date.now()) {
    const [when, now] = [new Date(timeMs), new Date(nowMs)];
    const time = when.toLocaleTimeString(undefined, { hour: "numeric", minute: "2-digit" });
    if (when.toDateString() === now.toDateString()) {
        return time;
    }
    return `${when.toLocaleDateString(undefined, { weekday: "short", day: "numeric", month: "short" })}, ${time}`;
}

/** How much some bytes are. */
export function size(bytes) {
    const units = ["bytes", "kB", "MB", "GB"];
    const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
    return `${power ? (bytes / 1000 ** power).toFixed(1) : bytes} ${units[power]}`;
}

/** Dollars of nano-dollars. */
export function money(nanodollars) {
    const dollars = nanodollars / 1e9;
    return `$${dollars.toFixed(dollars < 1 ? 4 : 2)}`;
}

/** A number with its thousands set apart. */
export function count(number) {
    return number.toLocaleString("en");
}

/** A number with its noun. */
export function counted(number, noun) {
    return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** The first line that says something. */
export function firstLine(text) {
    return text.split("\n").find((line) => line.trim())?.trim() ?? "";
}
