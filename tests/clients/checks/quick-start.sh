# README's quick start, word for word, with Kafka's own tools under the names that Kafka's download gives them.
# on: file
# kafka: no
# needs: tools
# seconds: 120
source "$CLIENTS/lib/check.sh"
source "$CLIENTS/lib/readme.sh"

broker_prepare
broker_start

mkdir -p "$WORK/bin"
# `tool NAME CLASS`
tool() {
    printf '#!/bin/sh\nexec java -Xmx256m -XX:TieredStopAtLevel=1 -cp "%s/java/tools/*" %s "$@"\n' "$FOREIGN" "org.apache.kafka.tools.$2" >"$WORK/bin/$1"
    chmod +x "$WORK/bin/$1"
}
tool kafka-topics.sh TopicCommand
tool kafka-console-producer.sh ConsoleProducer
tool kafka-console-consumer.sh consumer.ConsoleConsumer
tool kafka-consumer-groups.sh consumer.group.ConsumerGroupCommand

readme 'Quick start' | sed "s/127\.0\.0\.1:9092/$BOOTSTRAP/g" >"$WORK/commands"
[[ -s $WORK/commands ]] || fail "README.md has no commands after 'Quick start'"
cat "$WORK/commands"
PATH=$WORK/bin:$PATH bash -euo pipefail "$WORK/commands" >"$WORK/out" 2>"$WORK/error" </dev/null ||
    fail "a command failed: $(tail -n 3 "$WORK/error")"
cat "$WORK/out"
grep -q 'Created topic birds' "$WORK/out" || fail "no topic was created"
equal "$(grep -x -E 'swift|martin|swallow' "$WORK/out" | sort | paste -sd ' ')" "martin swallow swift" "what the console consumer printed"
rows=$(awk '$1 == "watchers" && $2 == "birds" { rows++; offsets += $4; lag += $6 } END { print rows, offsets, lag }' "$WORK/out")
equal "$rows" "3 3 0" "partitions, committed offsets and lag of the group"
broker_stop
