# Kafka Connect with its file connectors: a standalone worker, then a distributed one that is killed and started again.
# on: file
# gate: no
# needs: connect tools
# seconds: 240
source "$CLIENTS/lib/check.sh"

broker_prepare
broker_start

connect() {
    start java -Xmx256m -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=info -cp "$FOREIGN/java/connect/*" \
        "org.apache.kafka.connect.cli.$1" "${@:2}" >>"$WORK/$1.log" 2>&1
}
# `has FILE COUNT`: so many different lines.
has() { [[ -e $1 && $(sort -u "$1" | wc -l) == "$2" ]]; }
api() { curl -sS --fail-with-body -H 'Content-Type: application/json' "$@"; }

# `worker FILE`: what both kinds of workers are told.
worker() {
    REST=127.0.0.1:$(free_port)
    cat >"$1" <<END
bootstrap.servers=$BOOTSTRAP
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
offset.flush.interval.ms=1000
listeners=http://$REST
plugin.discovery=only_scan
END
}

say "a standalone worker: file, topic, file"
worker "$WORK/standalone.properties"
echo "offset.storage.file.filename=$WORK/offsets" >>"$WORK/standalone.properties"
printf '%s\n' name=source connector.class=FileStreamSource tasks.max=1 "file=$WORK/in.txt" topic=lines >"$WORK/source.properties"
printf '%s\n' name=sink connector.class=FileStreamSink tasks.max=1 "file=$WORK/out.txt" topics=lines >"$WORK/sink.properties"
seq 1 500 >"$WORK/in.txt"
connect ConnectStandalone "$WORK/standalone.properties" "$WORK/source.properties" "$WORK/sink.properties"
standalone=$STARTED
within 60 has "$WORK/out.txt" 500 || fail "standalone: $(wc -l <"$WORK/out.txt") of 500 lines; $(tail -n 3 "$WORK/ConnectStandalone.log")"
seq 501 1000 >>"$WORK/in.txt"
within 60 has "$WORK/out.txt" 1000 || fail "standalone: $(wc -l <"$WORK/out.txt") of 1,000 lines"
same "$WORK/in.txt" "$WORK/out.txt" "what a standalone worker copied"
kill "$standalone"
wait "$standalone" || true

say "a distributed worker: its settings, offsets and states are topics"
worker "$WORK/distributed.properties"
cat >>"$WORK/distributed.properties" <<EOF2
group.id=connect
config.storage.topic=connect-configs
config.storage.replication.factor=1
offset.storage.topic=connect-offsets
offset.storage.replication.factor=1
offset.storage.partitions=5
status.storage.topic=connect-status
status.storage.replication.factor=1
EOF2
connect ConnectDistributed "$WORK/distributed.properties"
distributed=$STARTED
answers() { api "http://$REST/connectors" >/dev/null 2>&1; }
within 60 answers || fail "distributed: no answer; $(grep -E 'ERROR|Exception' "$WORK/ConnectDistributed.log" | head -n 3)"
runs() { [[ $(api "http://$REST/connectors/$1/status" | jq -r '[.connector.state, .tasks[].state] | join(" ")') == "RUNNING RUNNING" ]]; }
seq 1 500 >"$WORK/in2.txt"
api -X PUT -d '{"connector.class": "FileStreamSource", "tasks.max": "1", "topic": "more", "file": "'"$WORK/in2.txt"'"}' "http://$REST/connectors/source/config" >/dev/null
api -X PUT -d '{"connector.class": "FileStreamSink", "tasks.max": "1", "topics": "more", "file": "'"$WORK/out2.txt"'"}' "http://$REST/connectors/sink/config" >/dev/null
within 60 runs source || fail "the source: $(api "http://$REST/connectors/source/status")"
within 60 runs sink || fail "the sink: $(api "http://$REST/connectors/sink/status")"
within 60 has "$WORK/out2.txt" 500 || fail "distributed: $(wc -l <"$WORK/out2.txt") of 500 lines"

say "the worker is killed, the broker too; both come back"
sleep 2
kill -9 "$distributed"
wait "$distributed" || true
broker_kill
broker_start
seq 501 1000 >>"$WORK/in2.txt"
connect ConnectDistributed "$WORK/distributed.properties"
within 60 answers || fail "distributed: no answer again; $(tail -n 3 "$WORK/ConnectDistributed.log")"
within 90 has "$WORK/out2.txt" 1000 || fail "distributed: $(sort -u "$WORK/out2.txt" | wc -l) of 1,000 lines"
again=$(($(wc -l <"$WORK/out2.txt") - 1000))
for topic in connect-configs connect-offsets connect-status; do
    say "$(java_tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$BOOTSTRAP" --describe --topic "$topic" 2>/dev/null | head -n 1)"
done
broker_stop
echo "RESULT: 1,000 lines each way, $again of them twice after kill -9"
