# Java clients of Kafka 2.8 and 3.9, each with the verifiable tools of its own release: idempotent or not, and in a group.
# on: file s3 cores2 cores4
# needs: clients28 clients39
# seconds: 240
source "$CLIENTS/lib/check.sh"

broker_prepare
broker_start

tool() {
    local clients=$1
    shift
    java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$FOREIGN/java/$clients/*" "$@" </dev/null
}

# The tool itself sets retries to 0, which an idempotent producer refuses.
printf '%s\n' enable.idempotence=true retries=1000 >"$WORK/producer.properties"
for clients in clients28 clients39; do
    say "VerifiableProducer of $clients"
    tool "$clients" org.apache.kafka.tools.VerifiableProducer --bootstrap-server "$BOOTSTRAP" --topic "$clients" \
        --max-messages 5000 --acks -1 --producer.config "$WORK/producer.properties" >"$WORK/produced" 2>"$WORK/error" || fail "$clients: $(tail -n 3 "$WORK/error")"
    equal "$(grep -c '"name":"producer_send_success"' "$WORK/produced")" 5000 "records acknowledged to $clients"
    say "VerifiableConsumer of $clients"
    start java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$FOREIGN/java/$clients/*" org.apache.kafka.tools.VerifiableConsumer \
        --bootstrap-server "$BOOTSTRAP" --topic "$clients" --group-id "$clients" --verbose >"$WORK/consumed" 2>"$WORK/error"
    consumer=$STARTED
    records() { grep -c '"name":"record_data"' "$WORK/consumed"; }
    consumed() { [[ $(records) -ge 5000 ]]; }
    within 60 consumed || fail "$clients has $(records) of 5,000 records: $(tail -n 3 "$WORK/error")"
    jq -r 'select(.name == "record_data") | .value' "$WORK/consumed" | sort -n | uniq >"$WORK/read"
    seq 0 4999 >"$WORK/wanted"
    same "$WORK/wanted" "$WORK/read" "5,000 records through $clients"
    kill "$consumer"
    wait "$consumer" || true
    grep -q '"name":"offsets_committed".*"success":true' "$WORK/consumed" || fail "$clients committed nothing"
    if grep -q '"success":false' "$WORK/consumed"; then fail "a commit failed: $(grep -m1 '"success":false' "$WORK/consumed")"; fi
done
broker_stop
echo "RESULT: 5,000 records and their offsets through the clients of 2.8 and of 3.9"
