# kill -9 at random moments under an idempotent producer: nothing acknowledged is lost, nothing is twice, offsets are dense.
# APUS_FOREIGN_ROUNDS sets the rounds (20), APUS_FOREIGN_SEED the moments.
# on: file s3 cores2 cores4
# needs: acked
# seconds: 600
source "$CLIENTS/lib/check.sh"

rounds=${APUS_FOREIGN_ROUNDS:-20}
RANDOM=${APUS_FOREIGN_SEED:-$((EPOCHSECONDS % 32768))}
say "seed $RANDOM for $rounds rounds"

broker_prepare
broker_start
start "$FOREIGN/bin/acked" produce -brokers "$BOOTSTRAP" -acks "$WORK/acks" >"$WORK/producer" 2>&1
producer=$STARTED
touch "$WORK/acks"

# A round counts only if records were acknowledged since the last kill: each kill hits a broker at work.
acknowledged() { wc -l <"$WORK/acks"; }
progressed() {
    kill -0 "$producer" 2>/dev/null || fail "the producer ended: $(cat "$WORK/producer")"
    (($(acknowledged) > before))
}
slowest=0
for round in $(seq "$rounds"); do
    before=$(acknowledged)
    from=$SECONDS
    within 60 progressed || fail "round $round: nothing was acknowledged for 60 s after the restart"
    ((SECONDS - from > slowest)) && slowest=$((SECONDS - from))
    sleep "$(awk -v r=$RANDOM 'BEGIN { printf "%.3f", 0.05 + 1.5 * r / 32768 }')"
    broker_kill
    say "round $round: killed with $(acknowledged) records acknowledged"
    # Every third restart is killed as well, while it recovers.
    if ((RANDOM % 3 == 0)) && [[ $BROKER == apus ]]; then
        broker_spawn
        sleep "$(awk -v r=$RANDOM 'BEGIN { printf "%.3f", 0.1 * r / 32768 }')"
        kill -9 "$BROKER_PID" 2>/dev/null || fail "round $round: a restart ended by itself: $(broker_last_words)"
        wait "$BROKER_PID" 2>/dev/null || true
    fi
    broker_start
done

before=$(acknowledged)
within 60 progressed || fail "nothing was acknowledged for 60 s after the last restart"
kill "$producer"
wait "$producer" || fail "the producer: $(cat "$WORK/producer")"
cat "$WORK/producer"
say "verify, then again after an orderly stop"
"$FOREIGN/bin/acked" verify -brokers "$BOOTSTRAP" -acks "$WORK/acks" -complete
broker_stop
broker_start
"$FOREIGN/bin/acked" verify -brokers "$BOOTSTRAP" -acks "$WORK/acks" -complete
echo "RESULT: $rounds rounds, $(cat "$WORK/producer"), slowest return $slowest s"
