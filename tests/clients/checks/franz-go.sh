# franz-go's own tests: producing, and consuming with and without a group.
# on: file s3 cores2 cores4
# needs: kgo
# seconds: 400
source "$CLIENTS/lib/check.sh"

broker_prepare
broker_start

names=$(sed 's/#.*//; s/ *$//; /^$/d' "$CLIENTS/lists/franz-go.txt" | paste -sd '|')
# The whole output is the log; its own time limit comes first, so that it prints where it hangs.
status=0
(cd "$FOREIGN/kgo/pkg/kgo" && KGO_SEEDS=$BOOTSTRAP KGO_TEST_RF=1 KGO_TEST_RECORDS=10000 KGO_LOG_LEVEL=none \
    "$FOREIGN/bin/kgo.test" -test.count=1 -test.timeout=360s -test.v -test.run "^($names)\$") >"$WORK/out" 2>&1 || status=$?
cat "$WORK/out"
passed=$(grep -c '^--- PASS' "$WORK/out" || true)
wanted=$(tr '|' '\n' <<<"$names" | grep -c .)
((status == 0)) || fail "$(grep -E '^(--- FAIL|panic:)' "$WORK/out" | cut -d' ' -f1-4 | paste -sd ' ')"
equal "$passed" "$wanted" "tests that passed (a skipped or missing one counts as failed)"
broker_stop
echo "RESULT: $passed tests"
