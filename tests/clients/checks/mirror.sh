# MirrorMaker 2 between Apache Kafka and Apus, both ways at once: records, and how far a group came.
# on: file
# kafka: no
# gate: no
# needs: connect tools kafka
# seconds: 300
source "$CLIENTS/lib/check.sh"

broker_prepare
broker_start
apus=$BOOTSTRAP

# Apache Kafka beside it, in a directory of its own.
KAFKA=127.0.0.1:$(free_port)
(
    BOOTSTRAP=$KAFKA DATA=$WORK/kafka-data
    kafka_format
)
printf '%s\n' "${broker_settings[@]}" | cat "$WORK/kafka.properties" - >"$WORK/kafka.started.properties"
start java -Xmx512m -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$FOREIGN/java/kafka/*" kafka.Kafka "$WORK/kafka.started.properties" \
    >"$WORK/kafka.log" 2>&1
answers() { kcat -b "$KAFKA" -L -m 2 >/dev/null 2>&1; }
within 60 answers || fail "Apache Kafka does not start: $(tail -n 3 "$WORK/kafka.log")"

topic() { java_tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$1" --create --topic "$2" --partitions 3 --replication-factor 1 >/dev/null 2>&1; }
topic "$KAFKA" birds
topic "$apus" fish
seq 1 2000 | sed 's/.*/&:bird &/' | kcat -b "$KAFKA" -P -t birds -K :
seq 1 2000 | sed 's/.*/&:fish &/' | kcat -b "$apus" -P -t fish -K :
# A group that has read half of the birds, which is to be translated.
kcat -b "$KAFKA" -G watchers -X auto.offset.reset=earliest -X group.protocol=classic -c 1000 birds >/dev/null 2>&1 ||
    timeout 20 kcat -b "$KAFKA" -G watchers -X auto.offset.reset=earliest -c 1000 birds >/dev/null

cat >"$WORK/mirror.properties" <<END
clusters=kafka, apus
kafka.bootstrap.servers=$KAFKA
apus.bootstrap.servers=$apus
kafka->apus.enabled=true
apus->kafka.enabled=true
topics=birds, fish
groups=watchers
replication.factor=1
checkpoints.topic.replication.factor=1
heartbeats.topic.replication.factor=1
offset-syncs.topic.replication.factor=1
offset.storage.replication.factor=1
status.storage.replication.factor=1
config.storage.replication.factor=1
refresh.topics.interval.seconds=5
refresh.groups.interval.seconds=5
sync.group.offsets.enabled=true
sync.group.offsets.interval.seconds=5
emit.checkpoints.interval.seconds=5
offset.lag.max=10
dedicated.mode.enable.internal.rest=false
plugin.discovery=only_scan
END
start java -Xmx512m -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=info -cp "$FOREIGN/java/connect/*" \
    org.apache.kafka.connect.mirror.MirrorMaker "$WORK/mirror.properties" >"$WORK/mirror.log" 2>&1

read_all() { timeout 20 kcat -b "$1" -C -t "$2" -o beginning -e -K : 2>/dev/null | sort; }
arrived() { [[ $(read_all "$1" "$2" | wc -l) -ge 2000 ]]; }
trouble() { grep -E 'ERROR|Exception' "$WORK/mirror.log" | head -n 4; }
within 120 arrived "$apus" kafka.birds || fail "to Apus: $(read_all "$apus" kafka.birds | wc -l) of 2,000; $(trouble)"
within 60 arrived "$KAFKA" apus.fish || fail "from Apus: $(read_all "$KAFKA" apus.fish | wc -l) of 2,000; $(trouble)"
read_all "$KAFKA" birds >"$WORK/birds" && read_all "$apus" kafka.birds >"$WORK/kafka.birds"
read_all "$apus" fish >"$WORK/fish" && read_all "$KAFKA" apus.fish >"$WORK/apus.fish"
same "$WORK/birds" "$WORK/kafka.birds" "birds on Apus"
same "$WORK/fish" "$WORK/apus.fish" "fish on Apache Kafka"

say "how far the group came is translated"
committed() {
    java_tool org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server "$1" --describe --group watchers 2>/dev/null |
        awk -v topic="$2" '$2 == topic && $4 != "-" { sum += $4 } END { print sum + 0 }'
}
translated() { (($(committed "$apus" kafka.birds) > 0)); }
within 60 translated || fail "the group is not known on Apus; $(trouble)"
there=$(committed "$KAFKA" birds) here=$(committed "$apus" kafka.birds)
((here <= there)) || fail "the group is further on Apus ($here) than where it reads ($there)"
java_tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$apus" --list | paste -sd ' '
trouble
broker_stop
echo "RESULT: 2,000 records each way, a group at $there is at $here"
