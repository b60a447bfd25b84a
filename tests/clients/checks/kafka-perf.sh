# Kafka's ProducerPerformance with each codec, read back by kcat and by Kafka's console consumer with an assigned partition.
# on: file s3 cores2 cores4
# needs: tools
# seconds: 240
source "$CLIENTS/lib/check.sh"

broker_prepare
broker_start

count=20000
rates=
for codec in none gzip snappy lz4 zstd; do
    java_tool org.apache.kafka.tools.ProducerPerformance --topic "perf-$codec" --num-records $count --record-size 1000 \
        --throughput -1 --producer-props "bootstrap.servers=$BOOTSTRAP" acks=all "compression.type=$codec" >"$WORK/out" 2>&1
    cat "$WORK/out"
    if grep -q -E 'Exception|ERROR' "$WORK/out"; then fail "$codec: $(grep -m1 -E 'Exception|ERROR' "$WORK/out")"; fi
    rates+=" $codec $(grep -o '[0-9.]* MB/sec' "$WORK/out" | tail -n 1)"
    got=$(kcat -b "$BOOTSTRAP" -C -q -t "perf-$codec" -o beginning -e -f '%S\n' | sort | uniq -c | xargs)
    equal "$got" "$count 1000" "records of 1,000 bytes, codec $codec"
done

say "Kafka's console producer and consumer, without a group"
seq 1000 >"$WORK/lines"
java_tool_with_input() { java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$FOREIGN/java/tools/*" "$@"; }
java_tool_with_input org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$BOOTSTRAP" --topic console <"$WORK/lines"
for partition in 0 1 2 3; do
    records=$(kcat -b "$BOOTSTRAP" -Q -t "console:$partition:-1" | sed 's/.* //')
    ((records > 0)) || continue
    java_tool org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$BOOTSTRAP" --topic console \
        --partition "$partition" --offset earliest --max-messages "$records" --timeout-ms 20000 2>"$WORK/error" ||
        fail "the console consumer: $(tail -n 3 "$WORK/error")"
done | sort -n >"$WORK/read"
same "$WORK/lines" "$WORK/read" "1,000 lines through Kafka's console tools"
broker_stop
echo "RESULT:$rates"
