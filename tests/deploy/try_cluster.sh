#!/usr/bin/env bash
# docker-compose.cluster.yml on a real engine, as docs/CLUSTER.md goes through it: three servers of PostgreSQL
# under Patroni, two hosts of Postern; then the second host and the primary are killed while a writer posts.
# Needs a Docker engine (DOCKER_HOST), docker-compose, and Debian's package mirror for the build.
# TRY_IMAGES=there: the images are there already.
set -euo pipefail
cd "$(dirname "$0")/../.."
export COMPOSE_PROJECT_NAME=postern-cluster COMPOSE_FILE=docker-compose.cluster.yml
. tests/deploy/trying.sh
url=$POSTERN_URL/api/v2/channelsbyname
finish() {
    local status=$?
    end_handler
    [[ $status == 0 ]] || docker-compose logs --tail 30 postern-1 postern-2 database-1 >&2
    docker-compose down --volumes >"$work/down.log" 2>&1 || true
    rm -rf "$work"
    exit $status
}
trap finish EXIT

in_host() { docker-compose run --rm --no-deps -T "$@" </dev/null; }
ctl() { docker-compose exec -T postern-1 posternctl "$@"; }
members() { docker-compose exec -T "$1" patronictl -c /etc/patroni.yml list; }
has_copy() { grep -q 'Sync Standby.*running\|Sync Standby.*streaming' <(members "${1:-database-1}"); }
leader() { members "$1" | sed -n 's/^| *\(database-[0-9]\) .*Leader.*/\1/p'; }
post() {
    curl -s --noproxy '*' -m 40 -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' \
        -H "Idempotency-Key: $2" -d "{\"text\":\"$2\"}" "$url/$1/message?zapikey=$token"
}

if [[ ${TRY_IMAGES:-} != there ]]; then
    step "build the images"
    for target in database postern balancer; do
        name=postern-$target
        docker build --network host -q --target "$target" -t "${name/%-postern/}" . >"$work/build.log" 2>&1 ||
            { cat "$work/build.log"; die "the image $target was not built"; }
    done
fi

step "secrets"
mkdir -m 711 "$POSTERN_SECRETS"
mkdir -m 700 "$POSTERN_SECRETS"/keys-{1,2}
for name in superuser replication worker directory; do openssl rand -hex 24 >"$POSTERN_SECRETS/$name.password"; done
for name in master worker; do openssl rand -hex 32 >"$POSTERN_SECRETS/$name.key"; done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=database-ca \
    -keyout "$work/ca.key" -out "$POSTERN_SECRETS/database.ca" 2>"$work/openssl"
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=database \
    -keyout "$POSTERN_SECRETS/database.key" -out "$work/database.csr" 2>"$work/openssl"
openssl x509 -req -in "$work/database.csr" -days 3650 -CA "$POSTERN_SECRETS/database.ca" -CAkey "$work/ca.key" -CAserial "$work/ca.serial" -CAcreateserial \
    -extfile <(echo subjectAltName=DNS:database-1,DNS:database-2,DNS:database-3) -out "$POSTERN_SECRETS/database.cert" 2>"$work/openssl"
where="host=database-1,database-2,database-3 dbname=postgres target_session_attrs=read-write sslmode=verify-full sslrootcert=/run/secrets/database.ca"
echo "$where user=postgres password=$(cat "$POSTERN_SECRETS/superuser.password")" >"$POSTERN_SECRETS/admin.connection"
echo "$where user=postern_journal password=$(cat "$POSTERN_SECRETS/worker.password")" >"$POSTERN_SECRETS/worker.connection"
echo "$where user=postern_directory password=$(cat "$POSTERN_SECRETS/directory.password")" >"$POSTERN_SECRETS/directory.connection"
chmod 400 "$POSTERN_SECRETS"/*.*
chmod 444 "$POSTERN_SECRETS"/database.ca
chown "$(docker run --rm postern-database id -u)" "$POSTERN_SECRETS"/{superuser,replication}.password "$POSTERN_SECRETS"/database.{cert,key}
chown -R 10001 "$POSTERN_SECRETS"/{master,worker}.key "$POSTERN_SECRETS"/*.connection "$POSTERN_SECRETS"/keys-*

step "three databases, one of them a synchronous copy"
docker-compose up -d --no-build etcd-{1,2,3} database-{1,2,3} >"$work/up.log" 2>&1 || { cat "$work/up.log"; die up; }
until_true 120 has_copy

step "role, schema and tables"
in_host -v "$POSTERN_SECRETS/admin.connection:/admin.connection:ro" postern-1 posternctl db init /admin.connection | tail -2
in_host postern-1 posternctl db check

step "a key a host"
in_host postern-1 posternctl keys new host-a --role gateway,authd,router,worker --dir /keys
in_host postern-2 posternctl keys new host-b --role gateway,authd,router,worker --dir /keys
cp -p "$POSTERN_SECRETS/keys-1/host-a.pub" "$POSTERN_SECRETS/keys-2/"
cp -p "$POSTERN_SECRETS/keys-2/host-b.pub" "$POSTERN_SECRETS/keys-1/"
for host in 1 2; do
    for key in a b; do
        for verb in allow trust; do in_host postern-$host posternctl keys $verb /keys/host-$key.pub >/dev/null; done
    done
done

step "two hosts of Postern, and the balancer"
docker-compose up -d --no-build >"$work/up.log" 2>&1 || { cat "$work/up.log"; die up; }
until_true 120 ctl health
until_true 60 docker-compose exec -T postern-2 posternctl health
ctl health

step "a message in, and read, in channels of all shards"
ctl user create ada@example.org --role owner >/dev/null
token=$(ctl --json token create ada@example.org | sed -n 's/.*"token": *"\([^"]*\)".*/\1/p')
for i in $(seq 8); do
    ctl channel create "builds$i" --owner ada@example.org >/dev/null
    [[ $(post "builds$i" "first-$i") == 204 ]] || die "the first message of builds$i was not accepted"
    curl -s --noproxy '*' "$url/builds$i/messages?zapikey=$token" | grep -q "\"first-$i\"" || die "it cannot be read"
done

step "a handler outside is called"
ctl bot create buildbot --owner ada@example.org >/dev/null
begin_handler buildbot
ask() {
    local answer
    answer=$(curl -s --noproxy '*' -m 40 -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' -d "{\"build\":\"$1\"}" \
        "$POSTERN_URL/api/v2/bots/buildbot/incoming?zapikey=$token")
    [[ $answer == 2* ]] || die "the event \"$1\" was not accepted: $answer"
}
called() { grep -qF "$1" "$work/called"; }
ask first
until_true 30 called first

(
    for ((i = 0; ; i++)); do
        [[ -e $work/stop ]] && break
        for _ in 1 2 3 4 5; do
            answer=$(post "builds$((i % 8 + 1))" "w-$i") || true
            [[ $answer == 204 ]] && break
            sleep 0.3
        done
        echo "$i $answer"
    done >"$work/writer"
) &
writer=$!
count() { wc -l <"$work/writer"; }
more() { (($(count) >= $1)); }

# lose N: host N is killed, and started again when all goes on without it.
lose() {
    local other=postern-$((3 - $1)) lost=postern-$1
    until_true 60 more 20
    docker update --restart=no "$(docker-compose ps -q "$lost")" >/dev/null
    docker kill "$(docker-compose ps -q "$lost")" >/dev/null
    began=$SECONDS
    until_true 60 more $(($(count) + 40))
    echo "goes on without $lost; 40 messages after it in $((SECONDS - began)) s"
    ask "on $other"
    until_true 60 called "on $other"
    docker-compose exec -T "$other" posternctl token create ada@example.org --name "by $other" >/dev/null
    echo "an event called its handler, and a token was made, by $other"
    docker-compose exec -T "$other" posternctl health | grep -- -any || true
    docker-compose start "$lost" >"$work/start.log" 2>&1
    until_true 60 docker-compose exec -T "$lost" posternctl health
}
for host in 2 1; do
    step "host $host killed, while the writer posts"
    lose $host
done

step "the primary killed, while the writer posts"
primary=$(leader database-1)
docker update --restart=no "$(docker-compose ps -q "$primary")" >/dev/null
docker kill "$(docker-compose ps -q "$primary")" >/dev/null
began=$SECONDS
until_true 120 more $(($(count) + 40))
echo "$primary killed; 40 messages after it in $((SECONDS - began)) s"
docker-compose start "$primary" >"$work/start.log" 2>&1
until_true 120 has_copy "$primary"
members "$primary"
touch "$work/stop"
wait $writer
written=$(grep -c ' 204$' "$work/writer")
failed=$(grep -vc ' 204$' "$work/writer" || true)
stored=0
for i in $(seq 8); do
    from=1
    while [[ $from != null ]]; do
        page=$(curl -s --noproxy '*' "$url/builds$i/messages?limit=100&from=$from&zapikey=$token")
        stored=$((stored + $(grep -o '"text":"w-[0-9]*"' <<<"$page" | wc -l)))
        from=$(sed -n 's/.*"next":\([0-9]*\|null\)}$/\1/p' <<<"$page")
    done
done
echo "written=$written failed=$failed stored=$stored"
[[ $failed == 0 && $stored == "$written" ]] || die "what was answered and what is stored differ"
step "passed"
