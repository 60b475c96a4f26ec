# What backup.sh and restore.sh have in common.
# shellcheck shell=bash

# The plugin of newer engines, or the program of older ones.
compose() {
    if docker compose version >/dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi
}

# The services that have a store, those first whose copies speak of what is in later ones.
stores() {
    local kind
    for kind in $(sed -n 's/^WORKER([A-Z]*, *\([a-z]*\),.*/\1/p' common/kinds.def | tac) authd; do
        compose config --services | grep -E "^postern-$kind(-[0-9]+)?$" | sort
    done
}

# One backup or restore at a time, of this directory's installation.
alone() {
    exec 9<docker-compose.yml
    flock --nonblock 9 || { echo "another backup or restore of this installation is under way" >&2; exit 1; }
}
