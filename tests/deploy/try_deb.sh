#!/usr/bin/env bash
# Installs the package in a bare Debian container, starts every unit by its own ExecStart line, posts
# and reads a message, upgrades and purges. Needs a Docker engine (DOCKER_HOST) and Debian's
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
posternctl completion bash | cmp - /usr/share/bash-completion/completions/posternctl
for part in man/man1/posternctl.1.gz man/man5/postern.conf.5.gz man/man8/postern-gateway.8.gz \
    doc/postern/openapi.yaml.gz doc/postern/examples/prometheus/alerts.yml \
    doc/postern/examples/grafana/postern.json doc/postern/examples/haproxy.cfg; do
    dpkg-deb -c /postern.deb | grep -q "/usr/share/$part$" || { echo "lacks $part"; exit 1; }
done

step "start each unit by its ExecStart line"
conf=/etc/postern/postern.conf
install -d -o postern -g postern -m 700 /var/lib/postern /var/lib/postern-known /run/postern
start_all() {
    for unit in authd router@ channel@ bot@ extension@ gateway@; do
        line=$(sed -n 's/^ExecStart=//p' "/lib/systemd/system/postern-$unit.service")
        setpriv --reuid=postern --regid=postern --init-groups ${line//%i/0} 2>>/tmp/postern.log &
    done
    for _ in $(seq 100); do
        if posternctl -c $conf health >/tmp/health 2>&1; then return; fi
        sleep 0.1
    done
    cat /tmp/health /tmp/postern.log
    exit 1
}
stop_all() {
    kill $(jobs -p)
    wait
}
start_all
cat /tmp/health

step "post and read"
posternctl -c $conf user create ada@example.org >/dev/null
posternctl -c $conf channel create builds --owner ada@example.org >/dev/null
token=$(posternctl -c $conf --json token create ada@example.org | sed -n 's/.*"token": *"\([^"]*\)".*/\1/p')
url=http://127.0.0.1:8080/api/v2/channelsbyname/builds
curl -s -o /dev/null -w '%{http_code}\n' "$url/message?zapikey=$token" -H 'Content-Type: application/json' -d '{"text":"hello"}' | grep -x 204
curl -s "$url/messages?zapikey=$token" | grep -o '"text":"hello"'

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
