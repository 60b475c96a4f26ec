# Which Debian packages a verb of ./dev needs; ./dev reads this file. "package:command" counts as there
# when the command is, wherever it came from.
# shellcheck shell=bash
packages() {
    case $1 in
    build) echo gcc g++ cmake ninja-build pkg-config ccache libc6-dev libzmq3-dev libczmq-dev \
        liblmdb-dev libmsgpack-dev libsodium-dev libjansson-dev libsimdjson-dev \
        libcurl4-openssl-dev libh2o-evloop-dev libssl-dev zlib1g-dev libxxhash-dev libzxcvbn-dev \
        liboath-dev libpq-dev libseccomp-dev libcmocka-dev uthash-dev ;;
    console) echo nodejs:node npm:npm ca-certificates ;;
    run) echo "$(packages build)" ca-certificates curl:curl ;;
    clang) echo "$(packages build)" clang-14 ;;
    format) echo clang-format-14 ;;
    fuzz) echo "$(packages clang)" libclang-rt-14-dev llvm-14 ;;
    system) echo python3 faketime python3-pytest python3-pytest-xdist python3-pytest-rerunfailures python3-requests python3-zmq \
        python3-msgpack python3-yaml python3-jsonschema python3-cryptography curl:curl chromium-headless-shell fonts-dejavu-core \
        ca-certificates nodejs:node npm:npm strace:strace valgrind:valgrind util-linux procps iproute2 \
        systemd:systemd-analyze slowhttptest:slowhttptest prometheus:promtool haproxy nghttp2-client:h2load \
        openssl:openssl mypy:mypy groff-base:groff zsh:zsh fish:fish postgresql-15 \
        prometheus-alertmanager:prometheus-alertmanager apprise:apprise netdata-core:netdata netdata-plugins-bash ;;
    pictures) echo "$(packages system)" fonts-noto-color-emoji ;;
    test) echo git:git "$(packages clang)" "$(packages format)" "$(packages system)" \
        "$(packages peers)" ;;
    deb) echo "$(packages build)" build-essential dpkg-dev debhelper git:git lintian ;;
    peers) echo wrk:wrk nginx libnginx-mod-nchan webdis:webdis redis-server:redis-server postgresql-15 util-linux ;;
    bench) echo "$(packages run)" "$(packages peers)" haproxy python3 python3-requests python3-zmq \
        python3-msgpack valgrind:valgrind strace:strace ;;
    esac
}

present() {
    local package=${1%%:*}
    if [[ $1 == *:* ]] && command -v "${1#*:}" >/dev/null; then return 0; fi
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]]
}

# lacking SET…
lacking() {
    local set row
    for set in "$@"; do
        for row in $(packages "$set"); do
            if ! present "$row"; then printf '%s\n' "${row%%:*}"; fi
        done
    done
}
