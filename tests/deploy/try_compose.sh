#!/usr/bin/env bash
# docker-compose.yml on a real engine: images built, three gateways behind the balancer, a message
# posted and read, each service killed and back while a writer posts. Needs a Docker engine
# (DOCKER_HOST), docker-compose, and Debian's package mirror for the build.
set -euo pipefail
cd "$(dirname "$0")/../.."
export COMPOSE_PROJECT_NAME=postern-try
. tests/deploy/trying.sh
url=$POSTERN_URL/api/v2/channelsbyname/builds
finish() {
    local status=$?
    [[ $status == 0 ]] || docker-compose logs --tail 30 >&2
    docker-compose down --volumes >"$work/down.log" 2>&1 || true
    end_handler
    rm -rf "$work"
    exit $status
}
trap finish EXIT

containers() { docker-compose ps -q; }
all_healthy() {
    local id
    for id in $(containers); do
        case $(docker inspect -f '{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}' "$id") in
        healthy | running) ;;
        *) return 1 ;;
        esac
    done
}
ctl() { docker-compose exec -T postern-authd posternctl "$@"; }
post() {
    curl -s --noproxy '*' -m 12 -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' \
        -H "Idempotency-Key: $1" -d "{\"text\":\"$1\"}" "$url/message?zapikey=$token"
}

mkdir -m 700 "$POSTERN_SECRETS"
head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$POSTERN_SECRETS/master.key"
chown 10001 "$POSTERN_SECRETS/master.key"
chmod 400 "$POSTERN_SECRETS/master.key"

step "build the images"
for target in postern balancer; do
    docker build --network host -q --target $target -t ${target/#balancer/postern-balancer} . \
        >"$work/build.log" 2>&1 || { cat "$work/build.log"; die "the image $target was not built"; }
done

step "start, with three gateways"
docker-compose up -d --no-build --scale postern-gateway=3 >"$work/up.log" 2>&1 || { cat "$work/up.log"; die up; }
until_true 60 all_healthy
ctl user create ada@example.org --role owner >/dev/null
ctl channel create builds --owner ada@example.org >/dev/null
token=$(ctl --json token create ada@example.org | sed -n 's/.*"token": *"\([^"]*\)".*/\1/p')

step "a message in, and read"
[[ $(post first) == 204 ]] || die "the first message was not accepted"
curl -s --noproxy '*' "$url/messages?zapikey=$token" | grep -q '"text":"first"' || die "it cannot be read"

step "the console, at the admin listener"
curl -s --noproxy '*' -H 'Accept-Encoding: gzip' -D - -o "$work/console" "$POSTERN_ADMIN_URL/" |
    grep -qi '^content-encoding: gzip' || die "the image has no console"

step "the master key is the secret's, and authd's alone"
url_of() { ctl --json extension show shop | sed -n 's/.*"sandbox": *"\(http[^"]*\)".*/\1/p'; }
ctl extension create shop --owner ada@example.org >/dev/null
[[ $(url_of) == *appkey=* ]] || die "the extension has no appkey"
for service in postern-gateway postern-router postern-channel; do
    id=$(docker-compose ps -q $service | sed -n 1p)
    ! docker inspect -f '{{range .Mounts}}{{.Destination}} {{end}}' "$id" | grep -q /run/secrets ||
        die "$service sees secrets"
done
id=$(docker-compose ps -q postern-authd)
docker inspect -f '{{range .Mounts}}{{.Destination}} {{end}}' "$id" | grep -q /run/secrets/master.key ||
    die "authd has no master key in /run/secrets"
appkey=$(url_of)
docker-compose restart postern-authd >"$work/restart.log" 2>&1
until_true 60 all_healthy
[[ $(url_of) == "$appkey" ]] || die "another appkey after the restart"

step "read by name, in a container"
ctl --json history channel builds | grep -q '"first"' || die "posternctl history does not read it"

step "a handler outside is called"
ctl bot create buildbot --owner ada@example.org >/dev/null
begin_handler buildbot
curl -s --noproxy '*' -m 12 -o /dev/null -d '{"build":42}' "$POSTERN_URL/api/v2/bots/buildbot/incoming?zapikey=$token"
until_true 20 grep -q '"bot":"buildbot"' "$work/called"

step "an invitation's link opens, and the admin API answers"
link=$(ctl --json user invite bob@example.org | sed -n 's/.*"link": *"\([^"]*\)".*/\1/p')
[[ $link == "$POSTERN_ADMIN_URL"/* ]] || die "the link leads to ${link%%#*}"
curl -s --noproxy '*' -m 12 "${link%%#*}" | grep -q '<html' || die "there is no page at the link"
accept() {
    curl -s --noproxy '*' -m 12 -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' \
        -d "{\"invitation\":\"${link##*invitation=}\",\"password\":\"quite long and unguessable 7\"}" \
        "$POSTERN_ADMIN_URL/api/v2/invitations/accept"
}
[[ $(accept) == 200 ]] || die "the invitation is not taken"
management=$(ctl --json management token create ada@example.org --name try | sed -n 's/.*"token": *"\([^"]*\)".*/\1/p')
curl -s --noproxy '*' -m 12 -H "Authorization: Bearer $management" "$POSTERN_ADMIN_URL/api/v2/me" | grep -q ada@example.org ||
    die "the admin API does not answer"

step "a gateway sees the health of all processes"
seen() {
    local health
    health=$(curl -s --noproxy '*' -m 12 -H "Authorization: Bearer $management" "$POSTERN_ADMIN_URL/api/v2/health")
    [[ $health == *'"authd-0"'* && $health == *'"extension-0"'* && ! $health =~ \"(absent|unreachable)\" ]]
}
until_true 20 seen

step "three gateways share the requests"
for i in $(seq 30); do [[ $(post "share-$i") == 204 ]] || die "request $i failed"; done
docker-compose logs balancer 2>/dev/null | grep -o 'gateways/gateway[0-9]*' | sort | uniq -c
[[ $(docker-compose logs balancer 2>/dev/null | grep -o 'gateways/gateway[0-9]*' | sort -u | wc -l) == 3 ]] ||
    die "not all of the three were used"

step "each service killed and back, while a writer posts"
(
    for ((i = 0; ; i++)); do
        [[ -e $work/stop ]] && break
        for _ in 1 2 3 4 5; do
            answer=$(post "w-$i") || true
            [[ $answer == 204 ]] && break
            sleep 0.3
        done
        echo "$i $answer"
    done >"$work/writer"
) &
writer=$!
for service in postern-channel postern-authd postern-router postern-gateway; do
    id=$(docker-compose ps -q $service | sed -n 1p)
    pid=$(docker inspect -f '{{.State.Pid}}' "$id")
    kill -KILL "$pid"
    again() { local now; now=$(docker inspect -f '{{.State.Pid}}' "$id"); [[ $now != 0 && $now != "$pid" ]]; }
    until_true 20 again
    until_true 60 all_healthy
    echo "$service: killed and back"
done
touch "$work/stop"
wait $writer
written=$(grep -c ' 204$' "$work/writer")
failed=$(grep -vc ' 204$' "$work/writer" || true)
# Pages of 100, by the sequence where the next begins.
from=1 stored=0
while [[ $from != null ]]; do
    page=$(curl -s --noproxy '*' "$url/messages?limit=100&from=$from&zapikey=$token")
    stored=$((stored + $(grep -o '"text":"w-[0-9]*"' <<<"$page" | wc -l)))
    from=$(sed -n 's/.*"next":\([0-9]*\|null\)}$/\1/p' <<<"$page")
done
echo "written=$written failed=$failed stored=$stored"
[[ $failed == 0 && $stored == "$written" ]] || die "what was answered and what is stored differ"
step "a service sees no copy but its own, and a backup that fails leaves none"
nothing_left() {
    local service
    for service in postern-authd postern-channel postern-bot postern-extension; do
        [[ ! $(docker-compose exec -T $service ls -A /backup) ]] || die "$service: /backup holds $(
            docker-compose exec -T $service ls -A /backup)"
    done
}
docker-compose exec -T postern-authd touch /backup/mine
for service in postern-channel postern-bot postern-extension; do
    ! docker-compose exec -T $service test -e /backup/mine || die "$service sees what authd copies"
done
docker-compose exec -T postern-authd rm /backup/mine
docker-compose exec -T postern-channel sh -c 'mkdir -p /backup/out/left && touch /backup/out/left/data.mdb'
docker-compose stop postern-authd >"$work/stop.log" 2>&1
! deploy/container/backup.sh "$work/failed" >"$work/failed.log" 2>&1 || die "a backup without authd is none"
[[ ! -e $work/failed ]] || die "the backup that failed is there"
docker-compose start postern-authd >"$work/start.log" 2>&1
until_true 60 all_healthy
nothing_left
step "backed up by one command, and restored"
deploy/container/backup.sh "$work/backup" >"$work/backup.log" 2>&1 || { cat "$work/backup.log"; die backup; }
tail -n 1 "$work/backup.log"
nothing_left
[[ $(post after-the-backup) == 204 ]] || die "it does not serve after the backup"
deploy/container/restore.sh "$work/backup" >"$work/restore.log" 2>&1 || { cat "$work/restore.log"; die restore; }
until_true 60 all_healthy
nothing_left
end_of_channel() { curl -s --noproxy '*' "$url/messages?limit=100&from=$((stored - 20))&zapikey=$token"; }
end_of_channel | grep -q "\"w-$((written - 1))\"" || die "the restored channel lacks its last message"
! end_of_channel | grep -q after-the-backup || die "what came after the backup is there"
[[ $(post after-the-restore) == 204 ]] || die "it does not serve after the restore"
step "passed"
