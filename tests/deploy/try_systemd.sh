#!/usr/bin/env bash
# Boots the package under systemd in a container: enables it as docs/PRODUCTION.md says, posts and reads
# messages, restarts every unit under senders, kills one, ends and starts all, makes a backup and boots
# again. Needs a Docker engine (DOCKER_HOST) that gives a container CAP_SYS_ADMIN, and Debian's package
# mirror. Usage: try_systemd.sh PACKAGE.deb
set -euo pipefail
package=$(readlink -f "$1")
container='' image=''

command -v docker >/dev/null || { echo "needs docker" >&2; exit 77; }
clean() {
    if [[ $container ]]; then docker rm --force "$container" >/dev/null; fi
    if [[ $image ]]; then docker rmi --force "$image" >/dev/null; fi
}
trap clean EXIT
step() { printf -- '-- %s\n' "$*"; }

step "install"
# --network host: the container reaches Debian's mirror the way this machine does.
container=$(docker run --detach --network host debian:bookworm-slim sleep 900)
docker cp -q "$package" "$container:/postern.deb"
docker exec "$container" bash -euc 'export DEBIAN_FRONTEND=noninteractive
    { apt-get update && apt-get install -y --no-install-recommends /postern.deb curl systemd dbus; } \
        >/tmp/log 2>&1 || { tail -n 30 /tmp/log; exit 1; }'
image=$(docker commit "$container")
docker rm --force "$container" >/dev/null
container=''

# systemd wants a hierarchy of control groups of its own to write, and directories that a boot empties.
boot='
    if [ "$(cut -d: -f1 /proc/self/cgroup)" = 0 ]; then
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
    else
        mkdir -p /sys/fs/cgroup/systemd
        mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
    fi
    exec env -i container=docker /lib/systemd/systemd --system'
step "boot"
container=$(docker run --detach --network none --cap-add SYS_ADMIN --cap-add DAC_READ_SEARCH \
    --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
    --tmpfs /run:mode=755 --tmpfs /run/lock --tmpfs /tmp \
    --tmpfs /sys/fs/cgroup:mode=755 --stop-signal SIGRTMIN+3 "$image" bash -euc "$boot")

inside() { docker exec --interactive "$container" bash -euo pipefail -c "$common"$'\n'"$1"; }
common='
url=http://127.0.0.1:8080/api/v2/channelsbyname/builds
units="channel@0 bot@0 extension@0 gateway@0 authd router@0"
fail() {
    echo "$*"
    systemctl --no-pager list-units --all "postern*"
    journalctl --no-pager --unit "postern*" | tail -n 40
    exit 1
}
wait_for() { for _ in $(seq 200); do if "$@" >/tmp/said 2>&1; then return; fi; sleep 0.1; done; cat /tmp/said; fail "waited in vain: $*"; }
booted() { systemctl is-system-running | grep -qx running; }
healthy() { wait_for posternctl health; }
post() { curl -s -o /dev/null -w "%{http_code}" "$url/message?zapikey=$(cat /root/token)" -H "Content-Type: application/json" -d "{\"text\":\"$1\"}"; }
stored() { curl -s "$url/messages?zapikey=$(cat /root/token)&limit=500" | grep -o "\"text\":\"[^\"]*\"" | cut -d\" -f4; }
active() { [ "$(systemctl is-active "$1")" = active ] || fail "$1 is not active"; }
'
inside 'wait_for booted'

step "enable the target alone: all units come up, each as its user, the gateway with the socket"
inside '
systemctl enable --now postern.target 2>/dev/null
healthy
for unit in $units; do
    active postern-$unit.service
    pid=$(systemctl show --property MainPID --value postern-$unit.service)
    user=postern-${unit%@0}
    grep -qP "^Uid:\t$(id -u $user)\t" /proc/$pid/status || fail "$unit does not run as $user"
    grep -qP "^Seccomp:\t2$" /proc/$pid/status || fail "$unit has no filter"
    grep -qP "^CapEff:\t0+$" /proc/$pid/status || fail "$unit has capabilities"
done
active postern-gateway.socket
journalctl --no-pager --unit postern-gateway@0 | grep -q "event=gateway.listen .*passed=1" || fail "the gateway does not listen by the socket"'

step "post and read"
inside '
posternctl user create ada@example.org >/dev/null
posternctl channel create builds --owner ada@example.org >/dev/null
posternctl --json token create ada@example.org | sed -n "s/.*\"token\": *\"\([^\"]*\)\".*/\1/p" >/root/token
[ "$(post hello)" = 204 ]
stored | grep -x hello'

step "restart every unit under a sender, and kill a worker: each message is answered and stored once"
inside '
echo hello >/root/sent
# As many as one page of history has, at most.
{ for n in $(seq 490); do [ ! -e /tmp/enough ] || break; echo "m$n $(post m$n)"; sleep 0.1; done >/tmp/answers; } &
for unit in $units; do
    systemctl restart postern-$unit
    healthy
done
kill -KILL "$(systemctl show --property MainPID --value postern-channel@0)"
healthy
sleep 1
touch /tmp/enough
wait
if grep -v " 204$" /tmp/answers; then fail "not every message was taken"; fi
cut -d" " -f1 /tmp/answers >>/root/sent
[ "$(wc -l </root/sent)" -gt 20 ] || fail "too few were sent"
wc -l </root/sent
sort /root/sent >/tmp/sent
stored | sort >/tmp/stored
cmp /tmp/sent /tmp/stored || fail "what is stored is not what was sent"'

step "end all, gateways first, with the socket; start all: what was stored is there"
inside '
# Who sends meanwhile is answered to the end of the notice of 4 s, then by nobody.
{ while code=$(post last); do echo "$code"; sleep 0.1; done >/tmp/last || :; } &
systemctl stop postern.target
# It does not wait for the units that are part of it.
ended() { ! systemctl --no-pager --plain --no-legend list-units --state active,activating,deactivating "postern-*" | grep .; }
wait_for ended
wait
if grep -vx 204 /tmp/last; then fail "a message was not taken while the gateway was there"; fi
[ "$(wc -l </tmp/last)" -gt 15 ] || fail "the gateway was not there for its notice"
if curl -s "$url" -o /dev/null; then fail "something still listens"; fi
for unit in $units gateway.socket; do [ "$(systemctl is-active postern-$unit)" = inactive ] || fail "postern-$unit failed"; done
systemctl start postern.target
healthy
active postern-gateway.socket
stored | grep -qx hello'

step "a backup by its unit"
inside '
systemctl start postern-backup.service || fail "the backup failed"
ls -d /var/backups/postern/*/directory >/dev/null'

step "boot again: what was enabled comes up, and what was stored is there"
docker restart --time 60 "$container" >/dev/null
inside '
wait_for booted
healthy
active postern-gateway.socket
stored | grep -qx hello
[ "$(post again)" = 204 ]'
step "passed"
