# ProducerPerformance at full speed, 1 KB records, with a kcat consumer beside it: no error, memory flat, PUTs within their bound.
# Prints broker CPU s/GB, resident memory, and what the store was asked for. APUS_FOREIGN_SECONDS sets the length (15; 60 is the full check).
# on: file s3 cores2 cores4
# needs: tools
# seconds: 420
source "$CLIENTS/lib/check.sh"

seconds=${APUS_FOREIGN_SECONDS:-15}
topic=load
broker_prepare
if [[ $BROKER == apus ]]; then broker_observed; fi
broker_start

perf() {
    java -Xmx512m -cp "$FOREIGN/java/tools/*" org.apache.kafka.tools.ProducerPerformance --topic "$1" --num-records "$2" \
        --record-size 1000 --throughput -1 --producer-props "bootstrap.servers=$BOOTSTRAP" acks=all </dev/null
}
rate_of() { grep 'records sent' "$1" | tail -n 1 | sed 's/.* \([0-9]*\)\.[0-9]* records\/sec.*/\1/'; }

# A short run tells how many records fill the time.
perf warm 200000 >"$WORK/warm" 2>&1 || fail "warm-up: $(tail -n 3 "$WORK/warm")"
rate=$(rate_of "$WORK/warm")
[[ $rate =~ ^[0-9]+$ ]] || fail "no rate in $(tail -n 1 "$WORK/warm")"
count=$((rate * seconds))
say "warm-up: $rate records/s, so $count records"

java_tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$BOOTSTRAP" --create --topic $topic --partitions 4 >/dev/null
# Some awks cut what %d prints at 2^31: bytes are printed as %.0f.
# `store_asked`: "<PUTs> <GETs> <LISTs> <bytes put> <bytes got> <snapshots>" so far, as the broker counts them: a listing of the store would hide
# what was deleted meanwhile.
store_asked() {
    broker_metrics | awk -F '[{}" ]+' '
        /^apus_store_requests_total/ { requests[$3] = $4 }
        /^apus_store_bytes_total/ { bytes[$3] = $4 }
        /^apus_snapshots_total/ { snapshots = $2 }
        END { printf "%d %d %d %.0f %.0f %d\n", requests["put"] + requests["put_conditional"], requests["get"], requests["list"],
            bytes["put"] + bytes["put_conditional"], bytes["get"], snapshots }'
}
before="0 0 0 0 0 0" after=$before
if [[ $BROKER == apus ]]; then before=$(store_asked); fi
cpu_before=$(broker_cpu)
from=$EPOCHREALTIME
# It ends by itself after the last record. One byte a record: the size of its output is their number.
start kcat -b "$BOOTSTRAP" -C -q -t $topic -o beginning -c "$count" -f . >"$WORK/consumed" 2>"$WORK/consumer"
consumer=$STARTED
perf $topic $count >"$WORK/out" 2>&1 &
producer=$!
started+=("$producer")

resident=()
while kill -0 "$producer" 2>/dev/null; do
    sleep 2
    broker_alive || fail "the broker ended: $(broker_last_words)"
    resident+=("$(broker_rss)")
done
wait "$producer" || fail "ProducerPerformance: $(tail -n 5 "$WORK/out")"
produced=$EPOCHREALTIME
caught_up() { ! kill -0 "$consumer" 2>/dev/null; }
within 60 caught_up || fail "the consumer has about $(wc -c <"$WORK/consumed") of $count records 60 s after the last"
wait "$consumer" || fail "the consumer: $(head -n 3 "$WORK/consumer")"
cpu_after=$(broker_cpu)
if [[ $BROKER == apus ]]; then after=$(store_asked); fi
to=$EPOCHREALTIME

cat "$WORK/out"
if grep -q -E 'Exception|ERROR' "$WORK/out"; then fail "$(grep -m1 -E 'Exception|ERROR' "$WORK/out")"; fi
[[ ! -s $WORK/consumer ]] || fail "the consumer: $(head -n 3 "$WORK/consumer")"
equal "$(wc -c <"$WORK/consumed")" "$count" "records consumed"

# Flat: the second half of the run may not need more than the first half and a fifth, or 64 MiB.
half=$((${#resident[@]} / 2))
highest() { printf '%s\n' "$@" | sort -n | tail -n 1; }
first=$(highest "${resident[@]:0:half}") second=$(highest "${resident[@]:half}")
say "resident MiB each 2 s: $(printf '%s\n' "${resident[@]}" | awk '{ printf "%d ", $1 / 1024 }')"
((second <= first + first / 5 + 65536)) || fail "memory grew: highest $((first / 1024)) MiB, then $((second / 1024)) MiB"

summary=$(awk -v from="$from" -v to="$produced" -v count="$count" -v before="$cpu_before" -v after="$cpu_after" -v peak="$second" 'BEGIN {
    printf "%.0f MB/s for %.0f s, broker %.2f CPU s/GB, %d MiB", count / 1000 / (to - from), to - from,
        (after - before) / (count / 1e6), peak / 1024 }')
if [[ $BROKER == apus ]]; then
    read -r puts gets lists put got snapshots < <(awk '{ for (i = 1; i <= 6; i++) printf "%.0f ", $(i + 6) - $i; print "" }' <<<"$before $after")
    summary+=$(awk -v count="$count" -v puts="$puts" -v gets="$gets" -v lists="$lists" -v put="$put" -v got="$got" 'BEGIN {
        gb = count / 1e6
        printf "; a GB: %.0f PUT of %.0f MB, %.1f GET of %.1f MB, %.1f LIST", puts / gb, put / 1e6 / gb, gets / gb, got / 1e6 / gb, lists / gb }')
    # Packs that the bytes need, and beyond them 20 objects a second on S3 (with a burst of 20) or one file a second; ten for the rest.
    # A snapshot each 64 MiB of journal is up to ten objects more; with `file:`, records ride in the journal first.
    per_second=1
    [[ $STORE == s3 ]] && per_second=20
    allowed=$(awk -v bytes="$put" -v rate=$per_second -v from="$from" -v to="$to" -v snapshots="$snapshots" \
        'BEGIN { printf "%d", bytes / 4194304 + rate * (to - from) + 30 + 10 * snapshots }')
    say "$summary; $puts PUTs in all with $snapshots snapshots, $allowed allowed"
    ((puts > 0)) || fail "the broker counted no PUT"
    ((puts <= allowed)) || fail "$puts PUTs where $allowed are allowed"
fi
broker_stop
echo "RESULT: $summary"
