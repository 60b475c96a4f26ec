# What the scripts that try a compose file have in common; they read this file at the top of the tree.
# shellcheck shell=bash
export DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0
port=$((20000 + RANDOM % 10000))
export POSTERN_PORT=$port POSTERN_URL=http://127.0.0.1:$port
export POSTERN_ADMIN=127.0.0.1:$((port + 1)) POSTERN_ADMIN_URL=http://127.0.0.1:$((port + 1))
work=$(mktemp -d)
export POSTERN_SECRETS=$work/secrets

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
