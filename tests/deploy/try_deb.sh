#!/usr/bin/env bash
# Installs the package in a bare Debian container, starts every unit by its own lines, first as one
# user for all as the version before did, then each as its own, posts and reads messages, upgrades and
# purges. Needs a Docker engine (DOCKER_HOST) and Debian's
# package mirror. Usage: try_deb.sh PACKAGE.deb
set -euo pipefail
package=$(readlink -f "$1")

command -v docker >/dev/null || { echo "needs docker" >&2; exit 77; }
# --network host: the container reaches Debian's mirror the way this machine does.
container=$(docker run --detach --network host debian:bookworm-slim sleep 900)
trap 'docker rm --force "$container" >/dev/null' EXIT
docker cp -q "$package" "$container:/postern.deb"

docker exec --interactive "$container" bash -euo pipefail -s <<'INSIDE'
export DEBIAN_FRONTEND=noninteractive
step() { printf -- '-- %s\n' "$*"; }
quiet() { "$@" >/tmp/log 2>&1 || { tail -n 30 /tmp/log; exit 1; }; }

step "install"
quiet apt-get update
quiet apt-get install -y --no-install-recommends /postern.deb curl
posternctl version | grep -q "with the console"
posternctl completion bash | cmp - /usr/share/bash-completion/completions/posternctl
dpkg-deb -c /postern.deb >/tmp/parts
for part in man/man1/posternctl.1.gz man/man5/postern.conf.5.gz man/man8/postern-gateway.8.gz \
    doc/postern/openapi.yaml.gz doc/postern/security-contact doc/postern/examples/prometheus/alerts.yml \
    doc/postern/examples/grafana/postern.json doc/postern/examples/haproxy.cfg; do
    grep -q "/usr/share/$part$" /tmp/parts || { echo "lacks $part"; exit 1; }
done

step "the users, one a kind"
for kind in gateway authd router channel bot extension; do
    [ "$(id -un "postern-$kind")" = "postern-$kind" ]
done
for kind in channel bot extension; do id -nG "postern-$kind" | grep -qw postern-worker; done

conf=/etc/postern/postern.conf
declare -A pid
said() { sed -n "s/^$2=//p" "/lib/systemd/system/postern-$1.service" | sed 's/%i/0/g'; }
# As systemd does: the line for root, then the process as its user with the groups that it has.
start() {
    local before user
    before=$(said "$1" ExecStartPre)
    user=$(said "$1" User)
    ${before#-+}
    setpriv --reuid="$user" --regid="$user" --init-groups $(said "$1" ExecStart) 2>>/tmp/postern.log &
    pid[$1]=$!
}
# As the version before did: one user, its directories, no line for root.
start_old() {
    setpriv --reuid=postern --regid=postern --init-groups $(said "$1" ExecStart) 2>>/tmp/postern.log &
    pid[$1]=$!
}
stop() {
    kill "${pid[$1]}"
    wait "${pid[$1]}"
}
healthy() {
    for _ in $(seq 100); do
        if posternctl -c $conf health >/tmp/health 2>&1; then return; fi
        sleep 0.1
    done
    cat /tmp/health /tmp/postern.log
    exit 1
}
units="channel@ bot@ extension@ gateway@ authd router@"
start_all() { for unit in $units; do start $unit; done; healthy; }
stop_all() { for unit in gateway@ authd router@ channel@ bot@ extension@; do kill "${pid[$unit]}"; done; wait; }

step "start as the version before: one user for all"
adduser --quiet --system --group --home /var/lib/postern --no-create-home postern
install -d -o postern -g postern -m 700 /var/lib/postern /var/lib/postern-known /run/postern
for unit in $units; do start_old $unit; done
healthy
cat /tmp/health

step "post and read"
posternctl -c $conf user create ada@example.org >/dev/null
posternctl -c $conf channel create builds --owner ada@example.org >/dev/null
token=$(posternctl -c $conf --json token create ada@example.org | sed -n 's/.*"token": *"\([^"]*\)".*/\1/p')
url=http://127.0.0.1:8080/api/v2/channelsbyname/builds
curl -s -o /dev/null -w '%{http_code}\n' "$url/message?zapikey=$token" -H 'Content-Type: application/json' -d '{"text":"hello"}' | grep -x 204
curl -s "$url/messages?zapikey=$token" | grep -o '"text":"hello"'

step "restart one after another, each as its user; messages go on"
for unit in $units; do
    stop $unit
    start $unit
    healthy
    curl -s -o /dev/null -w '%{http_code}\n' "$url/message?zapikey=$token" -H 'Content-Type: application/json' -d "{\"text\":\"after $unit\"}" | grep -x 204
done
for unit in $units; do
    grep -qP "^Uid:\t$(id -u "$(said "$unit" User)")\t" "/proc/${pid[$unit]}/status"
    curl -s "$url/messages?zapikey=$token&limit=500" | grep -q "after $unit"
done
posternctl -c $conf user list >/dev/null

step "a gateway's user reaches nothing of the others'"
as_gateway() { setpriv --reuid=postern-gateway --regid=postern-gateway --init-groups "$@" 2>/dev/null; }
for file in /var/lib/postern/master.key /var/lib/postern/directory/data.mdb /var/lib/postern/channel-0/data.mdb \
    /var/lib/postern/channel-0/wal /var/lib/postern/bot.key /run/postern/control.d/s; do
    [ -e "$file" ] || { echo "there is no $file"; exit 1; }
    if as_gateway test -r "$file" || as_gateway rm -f "$file"; then echo "the gateway's user reaches $file"; exit 1; fi
done
for place in /run/postern /run/postern/*.d /var/lib/postern /var/lib/postern-known; do
    if as_gateway touch "$place/made"; then echo "the gateway's user writes $place"; exit 1; fi
done

step "upgrade: configuration and messages stay"
echo '# changed here' >>$conf
dpkg-deb -R /postern.deb /tmp/tree
sed -i 's/^Version: .*/&+try1/' /tmp/tree/DEBIAN/control
dpkg-deb -b /tmp/tree /tmp/postern-next.deb >/dev/null
quiet apt-get install -y /tmp/postern-next.deb
tail -n 1 $conf | grep -x '# changed here'
stop_all
start_all
curl -s "$url/messages?zapikey=$token" | grep -o '"text":"hello"'
stop_all

step "purge: nothing is left"
quiet apt-get purge -y postern
for left in /etc/postern /var/lib/postern /var/lib/postern-known /run/postern /lib/systemd/system/postern.target /usr/bin/posternctl; do
    if [ -e $left ]; then echo "left: $left"; exit 1; fi
done
step "passed"
INSIDE
