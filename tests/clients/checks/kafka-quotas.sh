# Quotas by kafka-configs hold Kafka's ProducerPerformance and kcat to a rate, across cores and a restart, and go when they are taken back.
# on: file cores2
# needs: tools configs
# seconds: 240
source "$CLIENTS/lib/check.sh"

broker_prepare
broker_start

# kafka-configs lives in the broker's own jar.
configs() {
    java -Xmx256m -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$FOREIGN/java/configs/*" kafka.admin.ConfigCommand \
        --bootstrap-server "$BOOTSTRAP" "$@" </dev/null >"$WORK/out" 2>&1 || fail "kafka-configs $*: $(cat "$WORK/out")"
}
# `produce CLIENT COUNT`: so many records of 1,000 bytes; $took is how many milliseconds that takes.
produce() {
    java_tool org.apache.kafka.tools.ProducerPerformance --topic birds --num-records "$2" --record-size 1000 --throughput -1 \
        --producer-props "bootstrap.servers=$BOOTSTRAP" acks=all "client.id=$1" linger.ms=5 delivery.timeout.ms=120000 >"$WORK/out" 2>&1
    if grep -q -E 'Exception|ERROR' "$WORK/out"; then fail "$1: $(grep -m1 -E 'Exception|ERROR' "$WORK/out")"; fi
    rate=$(grep -o '[0-9.]* records/sec' "$WORK/out" | tail -n 1 | sed 's/ .*//')
    took=$(awk -v count="$2" -v rate="$rate" 'BEGIN { print int(1000 * count / rate) }')
}

say "a client id"
configs --alter --entity-type clients --entity-name slow --add-config producer_byte_rate=200000
produce slow 6000
# Six megabytes at 200 kB a second are 30 seconds, of which the first ten are given at once.
((took > 15000 && took < 45000)) || fail "6,000 records took $took ms: $(tail -n 1 "$WORK/out")"
slow=$took
produce quick 6000
((took < 15000)) || fail "a client without a quota took $took ms for 6,000 records: $(tail -n 1 "$WORK/out")"

say "a default, which consumers are under as well, across kill -9"
configs --alter --entity-type clients --entity-default --add-config consumer_byte_rate=400000
broker_kill
broker_spawn
broker_wait
begun=$(date +%s%3N)
kcat -b "$BOOTSTRAP" -C -q -t birds -o beginning -e -X client.id=reader -f '%S\n' >"$WORK/read"
took=$(($(date +%s%3N) - begun))
equal "$(wc -l <"$WORK/read")" 12000 "records"
((took > 10000 && took < 60000)) || fail "12,000 records were read in $took ms"
read_ms=$took

say "none again"
configs --alter --entity-type clients --entity-default --delete-config consumer_byte_rate
configs --alter --entity-type clients --entity-name slow --delete-config producer_byte_rate
configs --describe --entity-type clients
if grep -q byte_rate "$WORK/out"; then fail "quotas that were taken back are shown: $(cat "$WORK/out")"; fi
produce slow 6000
((took < 15000)) || fail "6,000 records took $took ms without a quota"
broker_stop
echo "RESULT: produced in $slow ms, read in $read_ms ms"
