# How ./dev makes the console and formats it; it reads this file, and its functions say, die, need and present.
# shellcheck shell=bash

# What the gateway shows in a browser: console/dist, or nothing where npm cannot be reached.
console() {
    local status=0
    present npm:npm || (need console) || true
    console/make.sh >build/console.log 2>&1 || status=$?
    case $status in
    0) ;;
    3)
        if present npm:npm; then
            say "built without the console: npm is not reachable (build/console.log)"
        else
            say "built without the console: npm is missing (apt-get install nodejs npm)"
        fi
        ;;
    *)
        tail -n 40 build/console.log >&2
        die "the console was not built; all of its output is in build/console.log"
        ;;
    esac
}

# Prettier, of the console's packages, where they are: the build brings them.
console_format() {
    if [[ -d console/node_modules ]]; then console/make.sh --run "$1"; fi
}
