# librdkafka's own suite: the tests of lists/librdkafka.txt, one runner each.
# on: file s3 cores2 cores4
# needs: librdkafka
# seconds: 600
source "$CLIENTS/lib/check.sh"

broker_prepare
broker_start

# The runner reads test.conf from its directory and writes beside it, so each check has its own copy of what it needs.
suite=$FOREIGN/librdkafka
mkdir -p "$WORK/suite"
cp "$suite/tests/test-runner" "$suite"/tests/interceptor_test/*.so "$WORK/suite/" 2>/dev/null || cp "$suite/tests/test-runner" "$WORK/suite/"
cp -r "$suite/tests/fixtures" "$WORK/suite/" 2>/dev/null || true
printf 'bootstrap.servers=%s\n' "$BOOTSTRAP" >"$WORK/suite/test.conf"
export LD_LIBRARY_PATH=$suite/src:$suite/src-cpp
cd "$WORK/suite"

# Lines that say `# long` run with APUS_FOREIGN_SUITE=whole only: a gate has no time for them.
listed() { if [[ ${APUS_FOREIGN_SUITE:-} == whole ]]; then cat; else grep -v '# long'; fi <"$CLIENTS/lists/librdkafka.txt" | sed 's/#.*//'; }
broken=() count=0
for item in $(listed); do
    from=$EPOCHREALTIME status=0 number=${item%%/*} part=
    [[ $item == */* ]] && part=${item#*/}
    TESTS=$number SUBTESTS=$part timeout 120 ./test-runner -p1 -Q -E >"$WORK/out" 2>&1 || status=$?
    count=$((count + 1))
    say "$item status $status in $(awk -v from="$from" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f s", to - from }')"
    if ((status != 0)); then
        broken+=("$item")
        tail -n 25 "$WORK/out"
    elif ! grep -q -E "^#.*PASSED|\| *PASSED" "$WORK/out"; then
        broken+=("$item(ran nothing)")
        tail -n 25 "$WORK/out"
    fi
done
((${#broken[@]} == 0)) || fail "librdkafka's tests ${broken[*]}"
broker_stop
echo "RESULT: $count tests"
