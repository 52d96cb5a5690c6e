/** Who is signed in, and the way out. */

import { button, element } from "../dom.js";
import { GIT_HOSTS } from "../route.js";
import { menu } from "./menu.js";

/** The account's menu. */
export function account(app) {
    const name = app.user.github_username;
    const initial = name.slice(0, 1).toUpperCase();
    const face = element("summary", { class: "round", "aria-label": `Signed in as ${name}` }, initial);
    const who = element("p", {}, "Signed in as ", element("strong", {}, name));
    const hosts = element("a", { class: "button plain", href: GIT_HOSTS }, "Other git hosts");
    return menu("account", face, who, hosts, button("Sign out", { onclick: () => app.signOut() }));
}
