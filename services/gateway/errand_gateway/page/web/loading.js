/* Loads the page again where a part of it did not come: a phone changes its network at any time.
   It is no module, so that it runs before any is asked for. */

(() => {
    const TRIES = 3;
    const PAUSE_MS = 1000;
    let failed = false;

    addEventListener("error", ({ target }) => {
        if (!failed && target instanceof Element && target.matches("script, link[rel=stylesheet]")) {
            failed = true;
            setTimeout(again, PAUSE_MS);
        }
    }, true);

    function again() {
        // Kept with this visit, so that what never comes is not asked for for ever.
        const tries = history.state?.tries ?? 0;
        if (tries < TRIES) {
            history.replaceState({ tries: tries + 1 }, "");
            location.reload();
        } else {
            history.replaceState(null, "");
            document.getElementById("app").textContent =
                "The page could not be loaded whole. Check the connection, then reload it.";
        }
    }
})();
