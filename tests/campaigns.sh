# shellcheck shell=bash
# The long campaigns under load. Sourced by ./dev, whose functions and variables it uses.

do_kill() {
    local campaign=(kill_campaign.py --kills "${1:-20}")
    if [[ ${1:-} == --deliveries ]]; then campaign=(delivery_campaign.py "${@:2}"); fi
    need test; build release
    POSTERN_PRESET=release /usr/bin/python3 -B tests/system/"${campaign[@]}"
}

do_cluster() {
    local rounds
    case ${1:-} in
    takeovers) rounds=1000 ;;
    promotions) rounds=200 ;;
    patroni) rounds=20 ;;
    revoke) rounds=1000 ;;
    moves) rounds=200 ;;
    restarts) rounds=60 ;;
    strains) rounds=60; need bench ;;
    retentions) rounds=150 ;;
    fills) rounds=1000000 ;;
    *) die "cluster takes takeovers, promotions, patroni, revoke, moves, restarts, strains, retentions or fills, and then a number: ./dev help" ;;
    esac
    need test
    build release
    POSTERN_PRESET=release exec /usr/bin/python3 -B "tests/system/${1%s}_campaign.py" --rounds "${2:-$rounds}" "${@:3}"
}

do_slow() {
    need test
    build release
    say "slow and idle clients beside senders, ${1:-20} s each"
    POSTERN_PRESET=release /usr/bin/python3 -B tests/system/slow_campaign.py --seconds "${1:-20}"
    POSTERN_PRESET=release /usr/bin/python3 -B tests/system/memory_campaign.py --seconds "${1:-20}"
}

do_roll() {
    need test
    build release
    say "restart every process again and again under ${1:-1000000} requests"
    POSTERN_PRESET=release /usr/bin/python3 -B tests/system/rolling.py --requests "${1:-1000000}"
}

do_mixed() {
    local rounds=10
    if [[ ${1:-} == [0-9]* ]]; then rounds=$1; shift; fi
    need test
    build release
    build_before
    say "$rounds upgrades from the version before, a process at a time"
    POSTERN_PRESET=release exec /usr/bin/python3 -B tests/system/mixed.py --rounds "$rounds" "$@"
}
