# Kafka's own kafka-topics --alter and --describe, kafka-configs and kafka-delete-records.
# on: file s3 cores2 cores4
# needs: tools configs
# seconds: 300
source "$CLIENTS/lib/check.sh"

broker_prepare
broker_start

topics() { java_tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$BOOTSTRAP" "$@"; }
offsets() { java_tool org.apache.kafka.tools.GetOffsetShell --bootstrap-server "$BOOTSTRAP" "$@" 2>"$WORK/error" || fail "$(cat "$WORK/error")"; }
# kafka-configs lives in the broker's own jar.
configs() {
    java -Xmx256m -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$FOREIGN/java/configs/*" kafka.admin.ConfigCommand \
        --bootstrap-server "$BOOTSTRAP" "$@" </dev/null
}
# `shows TYPE NAME WORDS`: what describes a resource has these words. Kafka's broker may learn of a change a moment later.
shows() { configs --describe --entity-type "$1" --entity-name "$2" >"$WORK/out" && grep -q "$3" "$WORK/out"; }
# `delete_below PARTITION OFFSET`: of the topic `plain`.
delete_below() {
    printf '{"partitions":[{"topic":"plain","partition":%s,"offset":%s}],"version":1}' "$1" "$2" >"$WORK/offsets.json"
    java_tool org.apache.kafka.tools.DeleteRecordsCommand --bootstrap-server "$BOOTSTRAP" --offset-json-file "$WORK/offsets.json"
}
# `refused WORDS COMMAND...`: it fails, and says so in these words.
refused() {
    local words=$1
    shift
    # The tools tell some refusals by their output alone.
    "$@" >"$WORK/out" 2>&1 || true
    grep -q "$words" "$WORK/out" || fail "'$*' was not refused with '$words': $(cat "$WORK/out")"
}
records() { kcat -b "$BOOTSTRAP" -C -t plain -p "$1" -o beginning -e -q 2>/dev/null | wc -l; }

say "more partitions"
topics --create --topic plain --partitions 2 >/dev/null
topics --create --topic other --partitions 1 >/dev/null
seq 100 | kcat -b "$BOOTSTRAP" -P -t plain -p 0
topics --alter --topic plain --partitions 5
topics --describe --topic plain >"$WORK/out"
grep -q 'PartitionCount: 5' "$WORK/out" || fail "describe: $(cat "$WORK/out")"
equal "$(grep -c 'Leader: 1' "$WORK/out")" 5 "partitions with a leader"
seq 7 | kcat -b "$BOOTSTRAP" -P -t plain -p 4
equal "$(records 0) $(records 4)" "100 7" "records of an old and a new partition"
refused "would not be an increase" topics --alter --topic plain --partitions 3
refused "already has 5 partition" topics --alter --topic plain --partitions 5
refused "does not exist" topics --alter --topic never --partitions 3

say "more partitions than a page has"
topics --create --topic wide --partitions 2500 >/dev/null
topics --describe --topic wide >"$WORK/out"
equal "$(grep -c 'Partition: ' "$WORK/out")" 2500 "described partitions"
topics --delete --topic wide >/dev/null

say "settings of a topic"
configs --alter --entity-type topics --entity-name plain --add-config 'retention.ms=3600000,cleanup.policy=[compact,delete]' >/dev/null
within 20 shows topics plain 'retention.ms=3600000' || fail "describe: $(cat "$WORK/out")"
within 20 shows topics plain 'cleanup.policy=compact,delete' || fail "describe: $(cat "$WORK/out")"
configs --alter --entity-type topics --entity-name plain --delete-config retention.ms >/dev/null
gone() { ! shows topics plain 'retention.ms'; }
within 20 gone || fail "a deleted setting is still there: $(cat "$WORK/out")"
refused "Not a number of type LONG" configs --alter --entity-type topics --entity-name plain --add-config retention.ms=soon
refused "Unknown topic config name: no.such.key" configs --alter --entity-type topics --entity-name plain --add-config no.such.key=1
refused "does not exist" configs --alter --entity-type topics --entity-name never --add-config retention.ms=1
configs --alter --entity-type topics --entity-name plain --delete-config cleanup.policy >/dev/null

say "settings take effect at once"
large() { head -c 5000 /dev/zero | tr '\0' x | kcat -b "$BOOTSTRAP" -P -t plain -p 1 2>&1; }
large >/dev/null || fail "5000 bytes were refused"
configs --alter --entity-type topics --entity-name plain --add-config max.message.bytes=1000 >/dev/null
small() { ! large >"$WORK/out"; }
within 20 small || fail "5000 bytes were accepted where 1000 are allowed"
grep -q -i "too large" "$WORK/out" || fail "5000 bytes were refused with another reason: $(cat "$WORK/out")"
configs --alter --entity-type topics --entity-name plain --delete-config max.message.bytes >/dev/null
within 20 large >/dev/null || fail "5000 bytes are refused where they are allowed again"

say "settings of brokers"
refused "Cannot update these configs dynamically" configs --alter --entity-type brokers --entity-name 1 --add-config node.id=2
configs --alter --entity-type brokers --entity-default --add-config message.max.bytes=1000 >/dev/null
within 20 small || fail "5000 bytes were accepted where the default allows 1000"
configs --alter --entity-type brokers --entity-name 1 --add-config message.max.bytes=2000000 >/dev/null
within 20 large >/dev/null || fail "a broker's own setting did not go before the default of all"
shows brokers 1 'message.max.bytes=2000000.*DYNAMIC_BROKER_CONFIG:message.max.bytes=2000000, DYNAMIC_DEFAULT_BROKER_CONFIG:message.max.bytes=1000' ||
    fail "describe: $(cat "$WORK/out")"
configs --alter --entity-type brokers --entity-default --delete-config message.max.bytes >/dev/null

say "records deleted below an offset"
delete_below 0 40 >"$WORK/out"
grep -q 'plain-0.*low_watermark: 40' "$WORK/out" || fail "delete: $(cat "$WORK/out")"
equal "$(offsets --topic-partitions plain:0 --time -2)" "plain:0:40" "the earliest offset"
equal "$(records 0)" 60 "records that are left"
refused "OffsetOutOfRange\|out of range\|not within the range" delete_below 0 101
delete_below 4 -1 >"$WORK/out"
equal "$(records 4)" 0 "records below the end"

say "all of it outlives the broker"
configs --alter --entity-type topics --entity-name plain --add-config segment.ms=1234567 >/dev/null
broker_stop
broker_start
topics --describe --topic plain >"$WORK/out"
grep -q 'PartitionCount: 5.*segment.ms=1234567' "$WORK/out" || fail "describe after a restart: $(cat "$WORK/out")"
equal "$(records 0) $(records 4)" "60 0" "records after a restart"
shows brokers 1 'message.max.bytes=2000000' || fail "the broker's settings after a restart: $(cat "$WORK/out")"
broker_stop
