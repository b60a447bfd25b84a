# A consumer group over broker kills: no committed offset goes back, every record is processed, and no member is stuck.
# APUS_FOREIGN_ROUNDS sets the kills (12), ten seconds apart.
# on: file s3 cores2 cores4
# needs: acked
# seconds: 420
source "$CLIENTS/lib/check.sh"

rounds=${APUS_FOREIGN_ROUNDS:-12}
broker_prepare
broker_start
start "$FOREIGN/bin/acked" members -brokers "$BOOTSTRAP" -topic crowd -partitions 40 -count 10 >"$WORK/members" 2>&1
members=$STARTED
start "$FOREIGN/bin/acked" produce -brokers "$BOOTSTRAP" -topic crowd -partitions 40 -acks "$WORK/acks" -rate 2000 >"$WORK/producer" 2>&1
producer=$STARTED
lives() {
    kill -0 "$members" 2>/dev/null || fail "the group ended: $(cat "$WORK/members")"
    kill -0 "$producer" 2>/dev/null || fail "the producer ended: $(cat "$WORK/producer")"
}
for round in $(seq "$rounds"); do
    sleep 10
    lives
    broker_kill
    say "round $round: killed with $(wc -l <"$WORK/acks") records acknowledged"
    broker_start
done
# Sessions of ten seconds, and a rebalance of as many at worst: then everybody is at work again.
sleep 25
lives
kill "$producer"
wait "$producer" || fail "the producer: $(cat "$WORK/producer")"
kill "$members"
wait "$members" || fail "the group: $(cat "$WORK/members")"
cat "$WORK/members"
broker_stop
echo "RESULT: $rounds kills, $(cat "$WORK/members")"
