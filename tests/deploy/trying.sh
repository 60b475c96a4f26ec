# What the scripts that try a compose file have in common; they read this file at the top of the tree.
# shellcheck shell=bash
export DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0
port=$((20000 + RANDOM % 10000))
export POSTERN_PORT=$port POSTERN_URL=http://127.0.0.1:$port
export POSTERN_ADMIN=127.0.0.1:$((port + 1)) POSTERN_ADMIN_URL=http://127.0.0.1:$((port + 1))
work=$(mktemp -d)
export POSTERN_SECRETS=$work/secrets
# A handler listens on this machine, which the containers see at their network's gateway (begin_handler).
export POSTERN_DELIVERY_ALLOW="10.0.0.0/8 172.16.0.0/12 192.168.0.0/16"

command -v docker-compose >/dev/null || { echo "needs docker-compose" >&2; exit 77; }
step() { printf -- '-- %s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2; exit 1; }

# until_true SECONDS COMMAND…
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >"$work/last" 2>&1; do
        ((SECONDS < end)) || { cat "$work/last"; die "waited in vain for: $*"; }
        sleep 0.2
    done
}

# begin_handler BOT: what BOT's events call; what it was called with is in $work/called.
begin_handler() {
    local outside
    /usr/bin/python3 -u tests/deploy/handler.py 0.0.0.0 $((port + 2)) >"$work/called" &
    handler=$!
    outside=$(docker network inspect -f '{{(index .IPAM.Config 0).Gateway}}' "${COMPOSE_PROJECT_NAME}_handlers")
    ctl bot handler set "$1" "http://$outside:$((port + 2))/build" >/dev/null
}

end_handler() { [[ ! ${handler:-} ]] || kill "$handler" 2>/dev/null || true; }
