/** Who is signed in, and the way out. */

import { dayWords } from "../allowance.js";
import { button, element, say } from "../dom.js";
import { GIT_HOSTS } from "../route.js";
import { menu } from "./menu.js";

/** The account's menu. */
export function account(app) {
    const name = app.user.github_username;
    const initial = name.slice(0, 1).toUpperCase();
    const face = element("summary", { class: "round", "aria-label": `Signed in as ${name}` }, initial);
    const who = element("p", {}, "Signed in as ", element("strong", {}, name));
    const day = element("p", { class: "hint", role: "status" });
    const hosts = element("a", { class: "button plain", href: GIT_HOSTS }, "Other git hosts");
    const node = menu("account", face, who, day, hosts, button("Sign out", { onclick: () => app.signOut() }));
    node.addEventListener("toggle", () => node.open && look(app, day));
    return node;
}

/** Says what the day costs, as it is now; nothing where that cannot be had. */
async function look(app, node) {
    try {
        say(node, dayWords((await app.api.get("/v1/me")).day));
    } catch {
        say(node, "");
    }
}
