# Metrics that Java's clients push (KIP-714): a subscription by kafka-client-metrics reaches a producer, and its numbers the broker's page.
# on: file cores2
# needs: tools
# seconds: 120
source "$CLIENTS/lib/check.sh"

broker_prepare
broker_observed
broker_start

metrics() { java_tool org.apache.kafka.tools.ClientMetricsCommand --bootstrap-server "$BOOTSTRAP" "$@" >"$WORK/out" 2>&1 || fail "kafka-client-metrics $*: $(cat "$WORK/out")"; }
has() { broker_metrics >"$WORK/page" && grep -q "$1" "$WORK/page"; }

metrics --alter --name producers --metrics org.apache.kafka.producer. --interval 1000 --match client_id=teller
say "a producer that matches, and one that does not"
for client in teller other; do
    start java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$FOREIGN/java/tools/*" org.apache.kafka.tools.ProducerPerformance --topic birds \
        --num-records 3000 --record-size 100 --throughput 100 --producer-props "bootstrap.servers=$BOOTSTRAP" "client.id=$client" >"$WORK/$client" 2>&1
done
within 60 has '^kafka_client_metric{.*client_id="teller",metric="org.apache.kafka.producer.' ||
    fail "nothing of the producer is on the page: $(grep -i client_metric "$WORK/page"; cat "$WORK/teller")"
if has '^kafka_client_metric{.*client_id="other"'; then fail "a client that was not asked pushed: $(grep '"other"' "$WORK/page")"; fi
series=$(grep -c '^kafka_client_metric{' "$WORK/page")
say "gone with its producer"
kill "${started[@]}" 2>/dev/null || true
is_gone() { ! has '^kafka_client_metric{'; }
within 30 is_gone || fail "a client that is gone is on the page: $(grep -m3 '^kafka_client_metric{' "$WORK/page")"
broker_stop
echo "RESULT: $series numbers"
