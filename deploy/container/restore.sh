#!/usr/bin/env bash
# Puts back what deploy/container/backup.sh copied: stops the installation, gives each service its
# store, and starts it again. Stores that are there are moved aside, none is deleted. When it fails the
# installation stays stopped: some of its stores may be the copy's, and others not.
#   deploy/container/restore.sh DIR
set -euo pipefail
[[ $# == 1 && -d $1 ]] || { echo "usage: restore.sh DIR, which backup.sh made" >&2; exit 2; }
dir=$(readlink -f "$1")
cd "$(dirname "$(readlink -f "$0")")/../.."
. deploy/container/compose.sh
alone

# in_volumes SERVICE COMMAND…: as root, where the service has its volumes.
in_volumes() {
    local service=$1
    shift
    docker run --rm --interactive --network none --user 0 \
        --volumes-from "$(compose ps -a -q "$service" | sed -n 1p)" postern "$@"
}
finish() {
    local status=$?
    for service in "${begun[@]}"; do
        in_volumes "$service" rm -rf /backup/in </dev/null || echo "$service: /backup/in could not be removed" >&2
    done
    [[ $status == 0 ]] || echo "not restored, and stopped: mend what is said above, then call it again" >&2
}
begun=()

for service in $(stores); do
    [[ -f $dir/$service/manifest.json ]] || { echo "$dir lacks a whole copy of $service" >&2; exit 1; }
done
compose stop
trap finish EXIT
for service in $(stores); do
    begun+=("$service")
    in_volumes "$service" sh -c 'rm -rf /backup/in && mkdir /backup/in && tar -C /backup/in -xf - && chown -R postern: /backup/in' \
        < <(tar -C "$dir/$service" -cf - .)
    compose run --rm --no-deps -T "$service" posternctl restore /backup/in --replace
done
compose start
