#!/usr/bin/env bash
# Puts back what deploy/container/backup.sh copied: stops the installation, gives each service its
# store, and starts it again. Stores that are there are moved aside, none is deleted.
#   deploy/container/restore.sh DIR
set -euo pipefail
[[ $# == 1 && -d $1 ]] || { echo "usage: restore.sh DIR, which backup.sh made" >&2; exit 2; }
dir=$(readlink -f "$1")
cd "$(dirname "$(readlink -f "$0")")/../.."
. deploy/container/compose.sh

for service in $(stores); do
    [[ -f $dir/$service/manifest.json ]] || { echo "$dir lacks a whole copy of $service" >&2; exit 1; }
done
compose stop
for service in $(stores); do
    docker run --rm --interactive --user 0 --volumes-from "$(compose ps -a -q "$service" | head -n 1)" \
        postern sh -c 'rm -rf /backup/in && mkdir /backup/in && tar -C /backup/in -xf - && chown -R postern: /backup/in' \
        < <(tar -C "$dir/$service" -cf - .)
    compose run --rm --no-deps -T "$service" posternctl restore /backup/in --replace
done
compose start
