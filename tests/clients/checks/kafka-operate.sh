# Kafka's own kafka-log-dirs, kafka-leader-election, kafka-reassign-partitions, kafka-transactions, kafka-metadata-quorum,
# kafka-features, and kafka-configs of groups.
# on: file cores2
# needs: tools configs
# seconds: 300
source "$CLIENTS/lib/check.sh"

broker_prepare
broker_start

# `tool CLASS ARGUMENTS...`
tool() {
    local class=$1
    shift
    java_tool "org.apache.kafka.tools.$class" --bootstrap-server "$BOOTSTRAP" "$@"
}
# kafka-configs lives in the broker's own jar.
configs() {
    java -Xmx256m -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$FOREIGN/java/configs/*" kafka.admin.ConfigCommand \
        --bootstrap-server "$BOOTSTRAP" "$@" </dev/null
}
# `told WORDS COMMAND...`: it says so in these words, whether it fails or not.
told() {
    local words=$1
    shift
    "$@" >"$WORK/out" 2>&1 || true
    grep -q -- "$words" "$WORK/out" || fail "'$*' did not say '$words': $(cat "$WORK/out")"
}
# `move PARTITION BROKER`: the plan of it.
move() {
    printf '{"version":1,"partitions":[{"topic":"plain","partition":%s,"replicas":[%s]}]}' "$1" "$2" >"$WORK/plan.json"
}

say "directories and producers"
tool TopicCommand --create --topic plain --partitions 2 >/dev/null
seq 1000 | kcat -b "$BOOTSTRAP" -P -t plain -p 0 -X enable.idempotence=true
told '"partition":"plain-0","size":[1-9]' tool LogDirsCommand --describe --topic-list plain
told '"partition":"plain-1","size":0' tool LogDirsCommand --describe --topic-list plain
told '[[:space:]]999[[:space:]]' tool TransactionsCommand describe-producers --topic plain --partition 0

say "leaders and places"
told 'Valid replica already elected for partitions plain-0' tool LeaderElectionCommand --election-type preferred --topic plain --partition 0
tool LeaderElectionCommand --election-type preferred --all-topic-partitions
move 0 1
told 'Successfully started partition reassignment for plain-0' tool reassign.ReassignPartitionsCommand --reassignment-json-file "$WORK/plan.json" --execute --throttle 1000000
told 'Reassignment of partition plain-0 is completed' tool reassign.ReassignPartitionsCommand --reassignment-json-file "$WORK/plan.json" --verify
! grep -q Error "$WORK/out" || fail "verify: $(cat "$WORK/out")"
told 'No partition reassignments found' tool reassign.ReassignPartitionsCommand --list
move 0 7
told 'Unknown broker id 7' tool reassign.ReassignPartitionsCommand --reassignment-json-file "$WORK/plan.json" --execute

say "quorum and features"
told 'LeaderId: *1' tool MetadataQuorumCommand describe --status
told 'Leader' tool MetadataQuorumCommand describe --replication
told 'metadata.version' tool FeatureCommand describe
told 'does not support this feature' tool FeatureCommand upgrade --feature no.such.feature=1

say "settings of groups"
configs --alter --entity-type groups --entity-name watchers --add-config consumer.session.timeout.ms=50000 >/dev/null
shown() { configs --describe --entity-type groups --entity-name watchers >"$WORK/out" && grep -q 'consumer.session.timeout.ms=50000' "$WORK/out"; }
within 20 shown || fail "describe: $(cat "$WORK/out")"
broker_stop
broker_start
within 20 shown || fail "describe after a restart: $(cat "$WORK/out")"
broker_stop
