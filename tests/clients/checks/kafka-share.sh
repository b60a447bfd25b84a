# Share groups (KIP-932): VerifiableShareConsumers share the records of a topic, across kill -9; the console's consumer
# accepts, releases and rejects; what kafka-share-groups sees, resets and deletes.
# on: file cores2
# needs: tools configs
# seconds: 300
source "$CLIENTS/lib/check.sh"

broker_prepare
broker_start

groups() { java_tool org.apache.kafka.tools.consumer.group.ShareGroupCommand --bootstrap-server "$BOOTSTRAP" "$@" 2>"$WORK/error" || fail "kafka-share-groups $*: $(cat "$WORK/error")"; }
# `console GROUP COUNT OPTIONS...`: so many records, or what comes within some seconds.
console() {
    local group=$1 count=$2
    shift 2
    java_tool org.apache.kafka.tools.consumer.ConsoleShareConsumer --bootstrap-server "$BOOTSTRAP" --topic birds \
        --group "$group" --max-messages "$count" --timeout-ms 15000 "$@" 2>"$WORK/error"
}
# `consumer NAME`: a member of its own; what it says is in $WORK/NAME.
consumer() {
    start java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$FOREIGN/java/tools/*" org.apache.kafka.tools.VerifiableShareConsumer \
        --bootstrap-server "$BOOTSTRAP" --topic birds --group-id watchers --acknowledgement-mode "$2" \
        --offset-reset-strategy earliest --verbose >"$WORK/$1" 2>&1
}
produce() {
    local partition
    for partition in 0 1 2 3; do seq "$1" "$2" | sed "s/^/$partition-/" | kcat -b "$BOOTSTRAP" -P -t birds -p "$partition"; done
}
values() { cat "$WORK"/one "$WORK"/two 2>/dev/null | { grep '"name":"record_data"' || true; } | jq -r .value; }
has_read() { [[ $(values | sort -u | wc -l) -ge $1 ]]; }
has() { groups --describe --group watchers --members >"$WORK/members" && [[ $(grep -c '^watchers' "$WORK/members") == "$1" ]]; }
# Records that the group is behind, over all partitions.
lag() { groups --describe --group "$1" >"$WORK/out" && awk -v group="$1" '$1 == group { sum += $NF } END { print sum + 0 }' "$WORK/out"; }
is_through() { [[ $(lag "$1") == 0 ]]; }

say "one member reads everything"
produce 1 100
consumer one sync
one=$STARTED
within 60 has_read 400 || fail "$(values | sort -u | wc -l) of 400 records: $(tail -n 3 "$WORK/one")"
groups --list >"$WORK/out"
grep -q '^watchers' "$WORK/out" || fail "the share groups: $(cat "$WORK/out")"
groups --describe --group watchers --state >"$WORK/out"
cat "$WORK/out"
grep -q -E '^watchers .* Stable +1' "$WORK/out" || fail "the group's state: $(cat "$WORK/out")"
within 30 is_through watchers || fail "the group is behind: $(cat "$WORK/out")"

say "two members share, each record once"
consumer two async
within 60 has 2 || fail "members: $(cat "$WORK/members")"
produce 101 200
within 60 has_read 800 || fail "$(values | sort -u | wc -l) of 800 records"
equal "$(values | sort | uniq -d | wc -l)" 0 "records that were given out twice"

say "kill -9, and both go on"
within 30 is_through watchers || fail "the group is behind: $(cat "$WORK/out")"
broker_kill
broker_start
produce 201 300
within 90 has_read 1200 || fail "$(values | sort -u | wc -l) of 1,200 records after kill -9: $(tail -n 3 "$WORK/two")"
equal "$(values | sort | uniq -d | wc -l)" 0 "records that were acknowledged before and came again"
kill "$one"
wait "$one" || true
within 60 has 1 || fail "members after one left: $(cat "$WORK/members")"

say "the console accepts, releases and rejects"
java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$FOREIGN/java/configs/*" kafka.admin.ConfigCommand --bootstrap-server "$BOOTSTRAP" \
    --alter --entity-type groups --entity-name drill --add-config share.auto.offset.reset=earliest >"$WORK/out" 2>&1 ||
    fail "kafka-configs: $(cat "$WORK/out")"
console drill 1200 >"$WORK/accepted"
equal "$(sort -u "$WORK/accepted" | wc -l)" 1200 "records that the console got"
groups --reset-offsets --group drill --topic birds --to-earliest --execute >"$WORK/out"
cat "$WORK/out"
equal "$(lag drill)" 1200 "records behind after a reset"
console drill 1200 --reject >"$WORK/rejected"
equal "$(sort -u "$WORK/rejected" | wc -l)" 1200 "records that the console rejected"
within 30 is_through drill || fail "rejected records come again: $(cat "$WORK/out")"
groups --delete-offsets --group drill --topic birds >"$WORK/out"
cat "$WORK/out"
groups --delete --group drill >"$WORK/out"
cat "$WORK/out"
groups --list >"$WORK/out"
if grep -q '^drill' "$WORK/out"; then fail "a deleted group is listed: $(cat "$WORK/out")"; fi
broker_stop
echo "RESULT: 1,200 records shared, accepted and rejected"
