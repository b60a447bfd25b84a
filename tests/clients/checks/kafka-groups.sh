# Kafka's console consumer with a group, VerifiableProducer and VerifiableConsumer, ConsumerPerformance, kafka-consumer-groups.
# on: file s3 cores2 cores4
# needs: tools
# seconds: 400
source "$CLIENTS/lib/check.sh"

broker_prepare
broker_start

groups() { java_tool org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server "$BOOTSTRAP" "$@" 2>"$WORK/error" || fail "kafka-consumer-groups $*: $(cat "$WORK/error")"; }
# `column GROUP N`: that column of the group's description, by partition, one line.
column() { groups --describe --group "$1" | awk -v group="$1" -v column="$2" '$1 == group { print $3, $column }' | sort -n | cut -d' ' -f2 | paste -sd ' '; }

say "the console consumer with a group"
for partition in 0 1 2 3; do
    seq $((partition * 100 + 1)) $((partition * 100 + 100)) | kcat -b "$BOOTSTRAP" -P -t words -p "$partition"
done
java_tool org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$BOOTSTRAP" --topic words --group readers \
    --from-beginning --max-messages 400 --timeout-ms 60000 2>"$WORK/error" | sort -n >"$WORK/read"
seq 400 >"$WORK/wanted"
same "$WORK/wanted" "$WORK/read" "400 records through the console consumer"

say "list and describe"
equal "$(groups --list)" readers "the list of groups"
groups --describe --group readers >"$WORK/out"
cat "$WORK/out"
equal "$(column readers 4)" "100 100 100 100" "committed offsets"
equal "$(column readers 6)" "0 0 0 0" "lag"
groups --describe --group readers --state >"$WORK/out"
grep -q -E '^readers .* Empty +0' "$WORK/out" || fail "the state of a group without members: $(cat "$WORK/out")"

say "reset"
groups --reset-offsets --group readers --topic words --to-earliest --dry-run >"$WORK/out"
equal "$(column readers 4)" "100 100 100 100" "offsets after a dry run"
groups --reset-offsets --group readers --topic words:0,1 --to-earliest --execute >"$WORK/out"
groups --reset-offsets --group readers --topic words:2 --shift-by -30 --execute >"$WORK/out"
equal "$(column readers 4)" "0 0 70 100" "offsets after a reset"
java_tool org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$BOOTSTRAP" --topic words --group readers \
    --max-messages 230 --timeout-ms 60000 2>"$WORK/error" | sort -n >"$WORK/read"
(seq 200 && seq 271 300) >"$WORK/wanted"
same "$WORK/wanted" "$WORK/read" "230 records after the reset"

say "VerifiableProducer, and a VerifiableConsumer that stays"
java_tool org.apache.kafka.tools.VerifiableProducer --bootstrap-server "$BOOTSTRAP" --topic verified --max-messages 5000 >"$WORK/produced"
equal "$(grep -c '"name":"producer_send_success"' "$WORK/produced")" 5000 "records that VerifiableProducer was acknowledged"
start java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$FOREIGN/java/tools/*" org.apache.kafka.tools.VerifiableConsumer \
    --bootstrap-server "$BOOTSTRAP" --topic verified --group-id verifiers --group-instance-id one --verbose >"$WORK/consumed" 2>&1
consumer=$STARTED
consumed() { [[ $(grep -c '"name":"record_data"' "$WORK/consumed") -ge 5000 ]]; }
within 60 consumed || fail "VerifiableConsumer has $(grep -c '"name":"record_data"' "$WORK/consumed") of 5,000: $(tail -n 3 "$WORK/consumed")"
jq -r 'select(.name == "record_data") | .value' "$WORK/consumed" | sort -n | uniq >"$WORK/read"
seq 0 4999 >"$WORK/wanted"
same "$WORK/wanted" "$WORK/read" "5,000 records through VerifiableConsumer"
grep -q '"name":"offsets_committed".*"success":true' "$WORK/consumed" || fail "VerifiableConsumer committed nothing"
if grep -q '"success":false' "$WORK/consumed"; then fail "a commit failed: $(grep -m1 '"success":false' "$WORK/consumed")"; fi

say "a group with a member"
groups --describe --group verifiers --members --verbose >"$WORK/out"
cat "$WORK/out"
grep -q -E '^verifiers +one-[^ ]+ +one +/127\.0\.0\.1 .*verified' "$WORK/out" ||
    grep -q -E '^verifiers +[^ ]+ .*/127\.0\.0\.1 .*verified' "$WORK/out" || fail "the member's row: $(cat "$WORK/out")"
groups --describe --group verifiers --state >"$WORK/out"
grep -q -E '^verifiers .*range.* Stable +1' "$WORK/out" || fail "the state of a group with a member: $(cat "$WORK/out")"
equal "$(groups --list --state | awk '{ print $1 "=" $NF }' | grep = | sort | grep -v '^GROUP' | paste -sd ' ')" \
    "readers=Empty verifiers=Stable" "groups with their states"
java_tool org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server "$BOOTSTRAP" --delete --group verifiers >"$WORK/out" 2>&1 || true
grep -q -i 'not empty\|NonEmpty' "$WORK/out" || fail "a group with a member was deleted: $(cat "$WORK/out")"
kill "$consumer"
wait "$consumer" || true

say "ConsumerPerformance"
java_tool org.apache.kafka.tools.ConsumerPerformance --bootstrap-server "$BOOTSTRAP" --topic verified --group performers \
    --messages 5000 --timeout 60000 >"$WORK/out" 2>&1
cat "$WORK/out"
equal "$(tail -n 1 "$WORK/out" | cut -d, -f5 | tr -d ' ')" 5000 "records that ConsumerPerformance read"

say "delete, and what was committed survives kill -9"
before=$(column readers 4)
broker_kill
broker_start
equal "$(column readers 4)" "$before" "committed offsets after kill -9"
groups --delete --group readers >"$WORK/out"
grep -q 'successful' "$WORK/out" || fail "delete: $(cat "$WORK/out")"
if groups --list | grep -q '^readers$'; then fail "the deleted group is still listed"; fi
broker_stop
