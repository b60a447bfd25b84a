# Kafka's own command-line tools, the same steps against Apache Kafka and against Apus: what they print is compared, line by line.
# on: file
# kafka: no
# needs: tools configs kafka
# seconds: 900
source "$CLIENTS/lib/check.sh"

# `tool NAME ARGUMENTS...`: one of Kafka's tools by the name of its script.
tool() {
    local name=$1 class jars=tools
    shift
    case $name in
    kafka-topics) class=org.apache.kafka.tools.TopicCommand ;;
    kafka-configs) class=kafka.admin.ConfigCommand jars=configs ;;
    kafka-consumer-groups) class=org.apache.kafka.tools.consumer.group.ConsumerGroupCommand ;;
    kafka-get-offsets) class=org.apache.kafka.tools.GetOffsetShell ;;
    kafka-delete-records) class=org.apache.kafka.tools.DeleteRecordsCommand ;;
    kafka-log-dirs) class=org.apache.kafka.tools.LogDirsCommand ;;
    kafka-features) class=org.apache.kafka.tools.FeatureCommand ;;
    kafka-metadata-quorum) class=org.apache.kafka.tools.MetadataQuorumCommand ;;
    kafka-reassign-partitions) class=org.apache.kafka.tools.reassign.ReassignPartitionsCommand ;;
    kafka-leader-election) class=org.apache.kafka.tools.LeaderElectionCommand ;;
    kafka-client-metrics) class=org.apache.kafka.tools.ClientMetricsCommand ;;
    kafka-broker-api-versions) class=org.apache.kafka.tools.BrokerApiVersionsCommand ;;
    esac
    java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$FOREIGN/java/$jars/*" "$class" --bootstrap-server "$BOOTSTRAP" "$@" </dev/null
}

# `step NAME TOOL ARGUMENTS...`: what it prints, and how it ended, without what differs from run to run.
step() {
    local name=$1 status=0
    shift
    tool "$@" >"$WORK/out" 2>&1 || status=$?
    {
        sed -E -e '/^\s+at |^\s*\.\.\. [0-9]+ more|^\[main\] INFO /d' \
            -e "s/127\.0\.0\.1:$PORT/BOOTSTRAP/g; s/\b$PORT\b/PORT/g; s#$WORK/(kafka\.data|apus\.data/store)#LOGS#g; s#$WORK#WORK#g" \
            -e 's/TopicId: [A-Za-z0-9_-]{22}/TopicId: ID/g; s/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/UUID/g' \
            -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.,]+Z?/TIME/g' -e 's/((ClusterId|HighWatermark|Epoch): ).*/\1N/' -e 's/[[:space:]]+$//' -e 's/[ \t]+/ /g' "$WORK/out"
        echo "status $status"
    } >"$OUT/$name"
}

produce() {
    local partition
    for partition in 0 1 2 3 4; do seq 100 | kcat -b "$BOOTSTRAP" -P -t birds -p "$partition"; done
}

topics() {
    step topics-create kafka-topics --create --topic birds --partitions 3 --config retention.ms=86400000
    step topics-create-again kafka-topics --create --topic birds --partitions 3
    step topics-create-if-not-exists kafka-topics --create --topic birds --if-not-exists
    step topics-create-bad-name kafka-topics --create --topic 'a bird'
    step topics-create-bad-value kafka-topics --create --topic worms --config retention.ms=never
    step topics-create-bad-key kafka-topics --create --topic worms --config retention.hours=1
    step topics-create-no-partitions kafka-topics --create --topic worms --partitions 0
    step topics-list kafka-topics --list
    step topics-describe kafka-topics --describe --topic birds
    step topics-describe-missing kafka-topics --describe --topic worms
    step topics-describe-unavailable kafka-topics --describe --unavailable-partitions
    step topics-alter kafka-topics --alter --topic birds --partitions 5
    step topics-alter-fewer kafka-topics --alter --topic birds --partitions 2
    step topics-describe-altered kafka-topics --describe --topic birds
}

offsets() {
    produce
    step offsets-latest kafka-get-offsets --topic birds
    step offsets-earliest kafka-get-offsets --topic birds --time earliest
    step offsets-some kafka-get-offsets --topic-partitions birds:1-3
    step offsets-missing kafka-get-offsets --topic worms
    printf '{"partitions":[{"topic":"birds","partition":0,"offset":10},{"topic":"birds","partition":1,"offset":-1}],"version":1}' >"$WORK/delete.json"
    step delete-records kafka-delete-records --offset-json-file "$WORK/delete.json"
    printf '{"partitions":[{"topic":"birds","partition":0,"offset":1000}],"version":1}' >"$WORK/delete.json"
    step delete-records-beyond kafka-delete-records --offset-json-file "$WORK/delete.json"
    step offsets-after-delete kafka-get-offsets --topic birds --time earliest
}

configs() {
    step configs-describe kafka-configs --describe --entity-type topics --entity-name birds
    step configs-describe-all kafka-configs --describe --all --entity-type topics --entity-name birds
    step configs-alter kafka-configs --alter --entity-type topics --entity-name birds --add-config max.message.bytes=500000,cleanup.policy=delete
    step configs-alter-bad-value kafka-configs --alter --entity-type topics --entity-name birds --add-config max.message.bytes=many
    step configs-alter-bad-key kafka-configs --alter --entity-type topics --entity-name birds --add-config max.message.bites=1
    step configs-alter-missing kafka-configs --alter --entity-type topics --entity-name worms --add-config max.message.bytes=1000
    step configs-describe-altered kafka-configs --describe --entity-type topics --entity-name birds
    step configs-delete kafka-configs --alter --entity-type topics --entity-name birds --delete-config max.message.bytes
    step configs-delete-absent kafka-configs --alter --entity-type topics --entity-name birds --delete-config max.message.bytes
    step configs-describe-deleted kafka-configs --describe --entity-type topics --entity-name birds
    step configs-broker kafka-configs --describe --entity-type brokers --entity-name 1
    step configs-broker-default kafka-configs --describe --entity-type brokers --entity-default
}

quotas() {
    step quotas-user kafka-configs --alter --entity-type users --entity-name alice --add-config producer_byte_rate=1048576,consumer_byte_rate=2097152
    step quotas-user-client kafka-configs --alter --entity-type users --entity-name alice --entity-type clients --entity-default --add-config request_percentage=12.5
    step quotas-client-default kafka-configs --alter --entity-type clients --entity-default --add-config controller_mutation_rate=10
    step quotas-ip kafka-configs --alter --entity-type ips --entity-name 127.0.0.1 --add-config connection_creation_rate=1000
    step quotas-bad-value kafka-configs --alter --entity-type clients --entity-name loader --add-config producer_byte_rate=0
    step quotas-fraction kafka-configs --alter --entity-type clients --entity-name loader --add-config producer_byte_rate=1.5
    step quotas-describe-users kafka-configs --describe --entity-type users
    step quotas-describe-user-clients kafka-configs --describe --entity-type users --entity-name alice --entity-type clients
    step quotas-describe-clients kafka-configs --describe --entity-type clients
    step quotas-describe-ips kafka-configs --describe --entity-type ips
    step quotas-delete kafka-configs --alter --entity-type users --entity-name alice --delete-config producer_byte_rate
    step quotas-delete-absent kafka-configs --alter --entity-type users --entity-name alice --delete-config request_percentage
    step quotas-describe-deleted kafka-configs --describe --entity-type users --entity-name alice
}

groups() {
    local reset=(--reset-offsets --group readers)
    kcat -b "$BOOTSTRAP" -G readers -X auto.offset.reset=earliest -e -q birds >"$WORK/read" 2>/dev/null
    step groups-list kafka-consumer-groups --list
    step groups-list-state kafka-consumer-groups --list --state
    step groups-describe kafka-consumer-groups --describe --group readers
    step groups-describe-members kafka-consumer-groups --describe --group readers --members
    step groups-describe-state kafka-consumer-groups --describe --group readers --state
    step groups-describe-missing kafka-consumer-groups --describe --group nobody
    step reset-to-earliest-dry kafka-consumer-groups "${reset[@]}" --topic birds --to-earliest --dry-run
    step reset-to-earliest kafka-consumer-groups "${reset[@]}" --topic birds --to-earliest --execute
    step reset-to-latest kafka-consumer-groups "${reset[@]}" --topic birds:0,1 --to-latest --execute
    step reset-to-offset kafka-consumer-groups "${reset[@]}" --topic birds:2 --to-offset 50 --execute
    step reset-to-offset-beyond kafka-consumer-groups "${reset[@]}" --topic birds:3 --to-offset 5000 --execute
    step reset-shift-by kafka-consumer-groups "${reset[@]}" --topic birds:2 --shift-by -20 --execute
    step reset-to-datetime kafka-consumer-groups "${reset[@]}" --topic birds:4 --to-datetime 2020-01-01T00:00:00.000 --execute
    step reset-by-duration kafka-consumer-groups "${reset[@]}" --topic birds:4 --by-duration P1D --execute
    step reset-to-current kafka-consumer-groups "${reset[@]}" --all-topics --to-current --export
    printf 'birds,0,20\nbirds,1,100\n' >"$WORK/reset.csv"
    step reset-from-file kafka-consumer-groups "${reset[@]}" --from-file "$WORK/reset.csv" --execute
    step groups-describe-reset kafka-consumer-groups --describe --group readers
    step groups-delete-offsets kafka-consumer-groups --delete-offsets --group readers --topic birds:4
    step groups-delete-offsets-missing kafka-consumer-groups --delete-offsets --group nobody --topic birds
    step groups-delete-missing kafka-consumer-groups --delete --group nobody
    step groups-delete kafka-consumer-groups --delete --group readers
    step groups-list-deleted kafka-consumer-groups --list
}

operate() {
    step features-describe kafka-features describe
    step quorum-status kafka-metadata-quorum describe --status
    step leader-election kafka-leader-election --election-type preferred --topic birds --partition 0
    step leader-election-missing kafka-leader-election --election-type preferred --topic worms --partition 0
    step reassign-list kafka-reassign-partitions --list
    printf '{"version":1,"partitions":[{"topic":"birds","partition":0,"replicas":[1]}]}' >"$WORK/moves.json"
    step reassign-execute kafka-reassign-partitions --reassignment-json-file "$WORK/moves.json" --execute
    step reassign-verify kafka-reassign-partitions --reassignment-json-file "$WORK/moves.json" --verify
    step metrics-alter kafka-client-metrics --alter --name all --metrics org.apache.kafka.producer. --interval 60000
    step metrics-list kafka-client-metrics --list
    step metrics-describe kafka-client-metrics --describe --name all
    step metrics-delete kafka-client-metrics --delete --name all
}

goodbye() {
    step topics-delete kafka-topics --delete --topic birds
    step topics-delete-missing kafka-topics --delete --topic birds
    step topics-list-deleted kafka-topics --list
    step api-versions kafka-broker-api-versions
}

# `against BROKER`: every step, from nothing; outputs are in OUT.
against() {
    BROKER=$1 OUT=$WORK/$1 DATA=$WORK/$1.data
    mkdir -p "$OUT"
    say "against $BROKER"
    broker_prepare
    broker_start
    topics
    offsets
    configs
    quotas
    groups
    operate
    goodbye
    broker_stop
}

against kafka
against apus

# A line that only one of them printed is allowed by lists/kafka-same.txt, or wrong.
say "compared"
wrong=0
for file in "$WORK"/kafka/*; do
    name=$(basename "$file")
    # Lines that were printed in another order are the same.
    { diff <(sort "$file") <(sort "$WORK/apus/$name") || true; } >"$WORK/diff"
    { grep '^[<>]' "$WORK/diff" || true; } >"$WORK/differences"
    while IFS= read -r line; do
        allowed=
        while IFS=$'\t' read -r steps pattern _; do
            # A pattern is matched as one, on purpose.
            # shellcheck disable=SC2053
            if [[ $steps != '#'* && $name == $steps && $line =~ $pattern ]]; then allowed=yes && break; fi
        done <"$CLIENTS/lists/kafka-same.txt"
        if [[ -z $allowed ]]; then
            echo "$name: $line"
            wrong=$((wrong + 1))
        fi
    done <"$WORK/differences"
done
((wrong == 0)) || fail "$wrong lines differ from Apache Kafka's ('<' Kafka's, '>' ours): see above"
echo "RESULT: $(find "$WORK/kafka" -type f | wc -l) steps print what they print against Apache Kafka"
