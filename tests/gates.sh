# The gates of ./dev test and how they are summed up; ./dev reads this file, and its functions build and need.
# shellcheck shell=bash

results=build/test-results # a line a gate, in the order in which they ended

# gate NAME COMMAND…: runs it, notes how it ended.
gate() {
    local name=$1 start=$SECONDS status=pass
    shift
    say "$name"
    "$@" || status=FAIL
    printf '%-5s %5d s  %s\n' $status $((SECONDS - start)) "$name" >>$results
    [[ $status == pass ]]
}

compat_modules() {
    local stamp=tests/compat/node_modules/.stamp
    if cmp -s tests/compat/package-lock.json $stamp; then return 0; fi
    say "install the npm packages of tests/compat"
    (cd tests/compat && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) &&
        cp tests/compat/package-lock.json $stamp
}

# with_compat PID: waits until compat_modules has ended.
with_compat() {
    wait "$1" || {
        tail -n 20 build/test-npm.log >&2
        die "npm could not install tests/compat/package-lock.json"
    }
}

# What Python makes of the tests is kept in build/pycache: else each of xdist's workers reads all files anew, 4 s of a core.
pytest() { PYTHONDONTWRITEBYTECODE='' PYTHONPYCACHEPREFIX=$PWD/build/pycache /usr/bin/python3 -m pytest -c tests/system/pytest.ini --rootdir tests "$@"; }

# Sends pytest's last line to build/test-skips when it tells of skipped tests.
system_tests() {
    local preset=$1 log=build/pytest-$1.log status=0
    shift
    POSTERN_PRESET=$preset pytest "$@" 2>&1 | tee "$log" || status=$?
    grep -h '^SKIPPED' "$log" >>build/test-skips || true
    return $status
}

# Of the programs of the sanitized build those in which no second thread can be: unit tests all.
without_threads() {
    local test
    for test in build/asan/bin/test_*; do
        # No pipe: its status would be that of nm, which grep leaves without a reader.
        grep -qE ' U (pthread_create|zmq_ctx_new)' <(nm -D "$test") || printf '%s\n' "${test##*/}"
    done
}

with_threads() { find build/asan/bin -type f -executable -printf '%f\n' | grep -vxFf <(without_threads); }

# unit_tests PRESET [ctest's arguments]: twice as many as compile: the longest wait for seconds to pass
# (CMakeLists.txt begins with them).
unit_tests() {
    local preset=$1 status=0
    shift
    # A process that ends while other threads run waits for races in them: a second, if nothing is said.
    TSAN_OPTIONS="suppressions=$PWD/tests/system/tsan.supp:second_deadlock_stack=1:halt_on_error=1:atexit_sleep_ms=100" \
        ctest --test-dir "build/$preset" --output-on-failure -j $((2 * jobs)) --no-tests=error "$@" || status=$?
    grep -h '^skipped: ' "build/$preset/Testing/Temporary/LastTest.log" >>build/test-skips || true
    return $status
}

# What no other gate waits for, and the builds that only later ones need: they compute while the unit tests wait.
other_builds() {
    trap 'exit 130' INT # without a trap the shell lets what it starts in the background ignore Ctrl-C
    local failed=0
    gate "format" do_format --check || failed=1 # with the console's, whose packages the build has brought
    gate "build with gcc for release, warnings are errors" build release || failed=1
    gate "clang reads all, warnings are errors" /usr/bin/python3 tests/lint/clang.py build/asan || failed=1
    # shellcheck disable=SC2046
    gate "build with ThreadSanitizer (tsan)" build tsan $(with_threads) || failed=1
    return $failed
}

do_test() {
    need test
    mkdir -p build
    : >build/test-skips
    : >$results
    compat_modules >build/test-npm.log 2>&1 &
    local npm=$!
    if (($#)); then
        with_compat $npm
        build asan
        local word where=tests/system # tests/lint has files of the same names
        for word; do if [[ -e ${word%%::*} ]]; then where=; fi; done
        # shellcheck disable=SC2086
        system_tests asan "$@" $where
        return
    fi
    local failed=0
    # The network is waited for beside what needs nothing of it: the build asks for the console again, and finds it made.
    console >/dev/null 2>&1 &
    if commit_before >/dev/null; then gate "build of the version before" build_before || failed=1; fi
    pytest -q --collect-only tests/system >/dev/null 2>&1 & # fills build/pycache, once for all of xdist's workers
    local collected=$!
    gate "build with gcc and sanitizers (asan)" build asan || die "nothing to test without it"
    with_compat $npm
    wait $collected || true
    need clang # not from the background: apt-get takes one at a time
    other_builds >build/test-builds.log 2>&1 &
    local builds=$!
    gate "unit tests (asan)" unit_tests asan || failed=1
    gate "sizes, layers and tables (lint)" system_tests lint tests/lint || failed=1
    wait $builds || failed=1
    cat build/test-builds.log
    # Side by side, a file at a time: they compute for a third of the time that they take, and wait for the rest. With five on two
    # cores a fifth of the cores' time was idle.
    local beside=(-n $((3 * $(nproc) + 1)) --dist loadfile)
    local without=(--ignore tests/system/test_instructions.py)
    if ! commit_before >/dev/null; then
        say "not run: mixed versions (the version before is not in this clone: git fetch --unshallow)"
        without+=(--ignore tests/system/test_mixed.py)
    fi
    # They wait for most of their time; what is counted is the same beside any load.
    (
        trap 'exit 130' INT # as other_builds
        units_failed=0
        gate "instructions and system calls a message" system_tests release tests/system/test_instructions.py || units_failed=1
        gate "unit tests (tsan)" unit_tests tsan -E "^($(without_threads | sed 's/^test_/unit./' | paste -sd '|'))\$" || units_failed=1
        exit $units_failed
    ) >build/test-units.log 2>&1 &
    local units=$!
    gate "system tests (asan)" system_tests asan tests/system "${without[@]}" "${beside[@]}" || failed=1
    wait $units || failed=1
    cat build/test-units.log
    local with_tsan # the files that have such, and nothing of the others is read
    mapfile -t with_tsan < <(grep -l 'mark\.tsan' tests/system/test_*.py)
    gate "system tests (tsan)" system_tests tsan "${with_tsan[@]}" -m tsan -n ${#with_tsan[@]} --dist loadfile || failed=1
    # Only where an engine answers: a skipped test would be a failure in CI.
    if [[ ${DOCKER_HOST:-} ]]; then
        gate "docker-compose.yml on the engine" do_compose || failed=1
        gate "Debian package in a container" do_deb --try --boot || failed=1
    else
        say "not run: docker-compose.yml and the package in a container (set DOCKER_HOST)"
    fi
    summary $failed
}

summary() {
    local skipped
    printf '\n'
    cat $results
    skipped=$(sort -u build/test-skips | wc -l)
    sort -u build/test-skips
    if ((skipped)); then echo "docs/TESTING.md (Skipped tests) has the one command with which none is skipped"; fi
    if ((skipped && ${CI:+1}0)); then
        echo "skipped tests count as failures here (CI is set)"
        set -- 1
    fi
    local passes fails
    fails=$(grep -c '^FAIL' $results || true)
    passes=$(grep -c '^pass' $results || true)
    printf '%d s in all\ngates: %d passed, %d failed, %d skipped\n' $SECONDS $passes "$fails" "$skipped"
    return "$1"
}
