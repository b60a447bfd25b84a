# Kafka's own kafka-topics, kafka-get-offsets and kafka-broker-api-versions.
# on: file s3 cores2 cores4
# needs: tools
# seconds: 240
source "$CLIENTS/lib/check.sh"

broker_prepare
broker_start

topics() { java_tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$BOOTSTRAP" "$@"; }
offsets() { java_tool org.apache.kafka.tools.GetOffsetShell --bootstrap-server "$BOOTSTRAP" "$@" 2>"$WORK/error" || fail "$(cat "$WORK/error")"; }

say "create"
topics --create --topic plain --partitions 3 --replication-factor 1 >"$WORK/out"
grep -q 'Created topic plain' "$WORK/out" || fail "create: $(cat "$WORK/out")"
topics --create --topic kept --partitions 1 --config retention.ms=3600000 --config cleanup.policy=compact >/dev/null
if topics --create --topic plain --partitions 3 >"$WORK/out" 2>&1; then fail "a second create of one name was accepted"; fi
grep -q "already exists" "$WORK/out" || fail "a second create was refused with another reason: $(cat "$WORK/out")"
topics --create --topic plain --if-not-exists --partitions 3 >/dev/null
if topics --create --topic 'no/such' --partitions 1 >"$WORK/out" 2>&1; then fail "an invalid name was accepted"; fi
if topics --create --topic wrong --config no.such.config=1 >"$WORK/out" 2>&1; then fail "an unknown config was accepted"; fi

say "list and describe"
equal "$(topics --list | sort | paste -sd ' ')" "kept plain" "the list of topics"
topics --describe --topic plain >"$WORK/out"
grep -q 'PartitionCount: 3.*ReplicationFactor: 1' "$WORK/out" || fail "describe: $(cat "$WORK/out")"
equal "$(grep -c 'Leader: 1.*Replicas: 1.*Isr: 1' "$WORK/out")" 3 "partitions with leader, replicas and in-sync replicas"
topics --describe --topic kept >"$WORK/out"
grep -q 'cleanup.policy=compact' "$WORK/out" && grep -q 'retention.ms=3600000' "$WORK/out" || fail "configs in describe: $(cat "$WORK/out")"

say "offsets"
seq 100 | kcat -b "$BOOTSTRAP" -P -t plain -p 1
equal "$(offsets --topic plain | paste -sd ' ')" "plain:0:0 plain:1:100 plain:2:0" "latest offsets"
equal "$(offsets --topic-partitions plain:1 --time -2)" "plain:1:0" "earliest offset"
equal "$(offsets --topic-partitions plain:1 --time 0)" "plain:1:0" "offset of timestamp 0"
equal "$(offsets --topic-partitions plain:1 --time -3 | cut -d: -f1,2)" "plain:1" "offset of the newest timestamp"
equal "$(offsets | sort | cut -d: -f1 | uniq | paste -sd ' ')" "kept plain" "offsets of all topics"

say "delete"
topics --delete --topic plain
gone() { [[ $(topics --list) == kept ]]; }
within 20 gone || fail "the deleted topic is still listed: $(topics --list)"
topics --create --topic plain --partitions 2 >/dev/null
equal "$(offsets --topic plain | paste -sd ' ')" "plain:0:0 plain:1:0" "a topic made again is empty"
if topics --delete --topic never >"$WORK/out" 2>&1; then fail "a topic that never was could be deleted"; fi

say "versions"
java_tool org.apache.kafka.tools.BrokerApiVersionsCommand --bootstrap-server "$BOOTSTRAP" >"$WORK/out"
cat "$WORK/out"
grep -q "127.0.0.1:$PORT (id: 1 " "$WORK/out" || fail "kafka-broker-api-versions does not name the broker"
for api in Produce Fetch ListOffsets Metadata ApiVersions CreateTopics DeleteTopics InitProducerId DescribeConfigs \
    FindCoordinator JoinGroup SyncGroup Heartbeat LeaveGroup OffsetCommit OffsetFetch ListGroups DescribeGroups DeleteGroups \
    CreatePartitions DescribeTopicPartitions IncrementalAlterConfigs DeleteRecords; do
    grep -q -E "^\s*$api\([0-9]+\): [0-9].*usable" "$WORK/out" || fail "kafka-broker-api-versions finds no usable $api"
done
broker_stop
