#!/usr/bin/env bash
# All stores of docker-compose.yml's installation, copied while it runs, into a new directory of this
# host: one directory a service, each as posternctl backup makes it (docs/OPERATIONS.md).
#   deploy/container/backup.sh DIR
# deploy/container/restore.sh DIR puts them back. Shards that were added as services of their own are
# found by their names (postern-channel-1 …). The master key is not in it.
set -euo pipefail
[[ $# == 1 && ! -e $1 ]] || { echo "usage: backup.sh DIR, which is not there yet" >&2; exit 2; }
dir=$(readlink -m "$1")
cd "$(dirname "$(readlink -f "$0")")/../.."
. deploy/container/compose.sh

# In each service's own process ids, by which LMDB tells live readers. What one copy speaks of is in a
# later one: the directory comes last.
made=/backup/$(date +%Y%m%dT%H%M%S).$$
mkdir -m 700 "$dir"
for service in $(stores); do
    compose exec -T "$service" mkdir -p -m 700 "$made"
    compose exec -T "$service" posternctl backup "$made/$service"
done
docker cp "$(compose ps -q postern-authd | head -n 1):$made/." "$dir"
compose exec -T postern-authd rm -r "$made"
echo "$dir has the copies of $(stores | wc -l) stores; keep the master key elsewhere"
