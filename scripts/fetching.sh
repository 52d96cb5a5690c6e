# shellcheck shell=bash
# What scripts fetch from outside this machine. To be sourced; whoever does has the functions say and fail.
registry_answer_s=20
pull_limit_s=900

# fetch_image IMAGE: sees to an image of a registry; 1, with words, where none gives it.
# Waits for an answer for $registry_answer_s, then for the layers for $pull_limit_s.
fetch_image() {
    image_there "$1" && return
    say "pulling $1 (a registry has $registry_answer_s s to answer)"
    local log pid limit why="" started=$SECONDS
    log="$(mktemp)"
    docker pull "$1" >"$log" 2>&1 &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        limit=$registry_answer_s
        grep -q 'Pulling from' "$log" && limit=$pull_limit_s
        if ((SECONDS - started >= limit)); then
            kill "$pid" 2>/dev/null || true
            why="none did within $limit s"
            break
        fi
        sleep 0.2
    done
    wait "$pid" || why="${why:-docker pull: $(tail -n 1 "$log")}"
    rm -f "$log"
    [[ -z "$why" ]] && return
    say "no registry gave it: $why"
    return 1
}

image_there() {
    docker image inspect "$1" >/dev/null 2>&1
}

# install_packages MISSING CURE PACKAGE...: installs Debian packages, announced; fails, with the cure, where it may not.
install_packages() {
    local missing="$1" cure="$2"
    shift 2
    [[ "${ERRAND_NO_INSTALL:-}" != 1 ]] || fail "$missing missing, and ERRAND_NO_INSTALL=1 forbids to install it" "$cure"
    [[ "$(id -u)" == 0 ]] && command -v apt-get >/dev/null ||
        fail "$missing missing, and only root on Debian or Ubuntu can have it installed" "$cure"
    say "installing $* with apt-get (ERRAND_NO_INSTALL=1 forbids it)"
    DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq --no-install-recommends "$@" >/dev/null ||
        fail "apt-get could not install $*" "$cure"
}

need_docker() {
    command -v docker >/dev/null ||
        fail "the docker command is missing" "install it (on Debian or Ubuntu: apt-get install docker.io)"
    local answer
    answer="$(docker version --format '{{.Server.Version}}' 2>&1)" ||
        fail "no Docker engine answers: $(tail -n 1 <<<"$answer")" "start it, or join the docker group (usermod -aG docker YOU)"
}
