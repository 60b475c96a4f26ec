#!/usr/bin/env bash
# Makes console/dist, what the gateway serves, unless it is of the sources as they are. Ends with 3 where npm
# cannot be reached: nothing of an earlier console stays then. POSTERN_NODE: a node to use in place of the pinned one.
#   console/make.sh               makes it
#   console/make.sh --packages    installs the packages alone, for the tests in a browser
#   console/make.sh --run SCRIPT  runs a script of package.json by the pinned Node
#   console/make.sh --path        prints the PATH with that
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
export LC_ALL=C.UTF-8
exec 9<package.json
flock 9 # a build at a time

# What dist is made of.
sources() {
    find . -type f -not -path '*/node_modules/*' -not -path './dist/*' -not -path './tests/*' -not -name schema.d.ts -not -path './src/senders/*.json' -not -path './src/outlets/*.json'
}
stamp() { { sources | sort | xargs sha256sum; sha256sum <../docs/openapi.yaml; find ../formats ../outlets -type f | sort | xargs sha256sum; } | sha256sum; }

# The pinned Node comes first, and npm of its side: Debian's npm 9 under Node 18 leaves out, without a word, what
# Node 18 cannot run.
choose_node() {
    local arch=x64
    if [[ $(uname -m) == aarch64 ]]; then arch=arm64; fi
    local node=$PWD/toolchain/node_modules/node-linux-$arch/bin
    if [[ ${POSTERN_NODE:-} ]]; then node=$(dirname "$POSTERN_NODE"); fi
    # It brings certificates of its own, and Debian's are those that this machine trusts.
    local trusted=/etc/ssl/certs/ca-certificates.crt
    if [[ -z ${NODE_EXTRA_CA_CERTS:-} && -r $trusted ]]; then export NODE_EXTRA_CA_CERTS=$trusted; fi
    export PATH=$node:$PWD/toolchain/node_modules/.bin:$PATH
}

# install FOLDER: by its lock, with no script of a package's, if its lock is another than that of the last time.
install() {
    cmp -s "$1/package-lock.json" "$1/node_modules/.stamp" && return
    echo "install the npm packages of console/$1"
    local said status=0
    said=$(cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=1 --fetch-timeout=30000 2>&1) || status=$?
    printf '%s\n' "$said"
    if ((status)); then
        rm -rf dist
        # A lock that is not of its package.json, a package that is another, a full disk: faults, and not the network.
        [[ ! $said =~ EUSAGE|EINTEGRITY|EJSONPARSE|ENOSPC|EACCES ]] || exit 1
        exit 3
    fi
    cp "$1/package-lock.json" "$1/node_modules/.stamp"
}

packages() {
    command -v npm || { rm -rf dist; exit 3; }
    install toolchain
    choose_node
    install .
}

case ${1:-} in
--path)
    choose_node
    echo "$PATH"
    ;;
--run)
    choose_node
    npm run --silent "$2"
    ;;
--packages) packages ;;
*)
    now=$(stamp)
    if [[ $(cat dist/.stamp 2>&1) == "$now" ]]; then exit; fi
    packages
    rm -rf dist
    npm run build
    echo "$now" >dist/.stamp
    ;;
esac
