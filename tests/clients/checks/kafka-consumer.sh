# Consumers of the consumer protocol (KIP-848): VerifiableConsumers share, leave and take over, across kill -9; what kafka-consumer-groups says of them.
# on: file cores2
# needs: tools
# seconds: 300
source "$CLIENTS/lib/check.sh"

broker_prepare
# No shorter times are allowed than these, unless it is told.
broker_settings+=(group.consumer.min.session.timeout.ms=10000 group.consumer.min.heartbeat.interval.ms=1000)
broker_start group.consumer.session.timeout.ms=10000 group.consumer.heartbeat.interval.ms=1000

groups() { java_tool org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server "$BOOTSTRAP" "$@" 2>"$WORK/error" || fail "kafka-consumer-groups $*: $(cat "$WORK/error")"; }
# `consumer NAME`: a member of its own; what it says is in $WORK/NAME.
consumer() {
    start java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$FOREIGN/java/tools/*" org.apache.kafka.tools.VerifiableConsumer \
        --bootstrap-server "$BOOTSTRAP" --topic birds --group-id watchers --group-protocol consumer \
        --reset-policy earliest --verbose >"$WORK/$1" 2>&1
}
produce() {
    local partition
    for partition in 0 1 2 3; do seq "$1" "$2" | sed "s/^/$partition-/" | kcat -b "$BOOTSTRAP" -P -t birds -p "$partition"; done
}
# `assigned NAME`: partitions that the member was given last.
assigned() { { grep '"name":"partitions_assigned"' "$WORK/$1" || true; } | tail -n 1 | { grep -o '"partition":' || true; } | wc -l; }
values() { cat "$WORK"/one "$WORK"/two 2>/dev/null | { grep '"name":"record_data"' || true; } | jq -r .value | sort -u | wc -l; }
has_read() { [[ $(values) -ge $1 ]]; }
has() { groups --describe --group watchers --members >"$WORK/members" && [[ $(grep -c '^watchers' "$WORK/members") == "$1" ]]; }
# Each member has two of the four partitions.
is_shared() { groups --describe --group watchers --members >"$WORK/members" && [[ $(awk '$1 == "watchers" { print $NF }' "$WORK/members" | paste -sd ' ') == "2 2" ]]; }

say "one member reads everything"
produce 1 100
consumer one
one=$STARTED
within 60 has_read 400 || fail "$(values) of 400 records: $(tail -n 3 "$WORK/one")"
groups --list --type consumer >"$WORK/out"
grep -q '^watchers' "$WORK/out" || fail "the groups of the consumer type: $(cat "$WORK/out")"
groups --describe --group watchers --state >"$WORK/out"
cat "$WORK/out"
grep -q -E '^watchers .* uniform +Stable +1' "$WORK/out" || fail "the group's state: $(cat "$WORK/out")"

say "two members share"
consumer two
two=$STARTED
within 60 is_shared || fail "two members do not share: $(cat "$WORK/members")"
produce 101 200
within 60 has_read 800 || fail "$(values) of 800 records"

say "kill -9, and both go on"
broker_kill
broker_start
produce 201 300
within 60 has_read 1200 || fail "$(values) of 1,200 records after kill -9: $(tail -n 3 "$WORK/two")"
within 60 has 2 || fail "members after kill -9: $(cat "$WORK/members")"

say "one leaves, the other takes over"
kill "$one"
wait "$one" || true
within 60 has 1 || fail "members after one left: $(cat "$WORK/members")"
produce 301 400
within 60 has_read 1600 || fail "$(values) of 1,600 records after one left: $(tail -n 3 "$WORK/two")"

say "the last one leaves; where it was is kept"
kill "$two"
wait "$two" || true
within 30 has 0 || fail "members after all left: $(cat "$WORK/members")"
groups --describe --group watchers >"$WORK/out"
cat "$WORK/out"
equal "$(awk '$1 == "watchers" { lag += $6; committed += $4 } END { print committed, lag }' "$WORK/out")" "1600 0" "committed offsets and lag"
groups --delete --group watchers >"$WORK/out"
grep -q successful "$WORK/out" || fail "delete: $(cat "$WORK/out")"
broker_stop
