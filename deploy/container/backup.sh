#!/usr/bin/env bash
# All stores of docker-compose.yml's installation, copied while it runs, into a new directory of this
# host: one directory a service, each as posternctl backup makes it (docs/RUNNING.md, In containers).
#   deploy/container/backup.sh DIR
# deploy/container/restore.sh DIR puts them back. Shards that were added as services of their own are
# found by their names (postern-channel-1 …). The master key is not in it. When it fails nothing is
# left, neither DIR nor a copy in a service.
set -euo pipefail
[[ $# == 1 && ! -e $1 ]] || { echo "usage: backup.sh DIR, which is not there yet" >&2; exit 2; }
dir=$(readlink -m "$1")
cd "$(dirname "$(readlink -f "$0")")/../.."
. deploy/container/compose.sh
alone

made=/backup/out
finish() {
    local status=$?
    for service in "${begun[@]}"; do
        compose exec -T "$service" rm -rf $made || echo "$service: $made could not be removed" >&2
    done
    [[ $status == 0 ]] || rm -rf "$dir"
}
begun=()
mkdir -m 700 "$dir"
trap finish EXIT

# In each service's own process ids, by which LMDB tells live readers. What one copy speaks of is in a
# later one: the directory comes last.
for service in $(stores); do
    begun+=("$service")
    compose exec -T "$service" rm -rf $made
    compose exec -T "$service" posternctl backup $made
    docker cp "$(compose ps -q "$service" | sed -n 1p):$made/." "$dir/$service"
done
echo "$dir has the copies of $(stores | wc -l) stores; keep the master key elsewhere"
