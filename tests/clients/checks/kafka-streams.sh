# Kafka Streams in a streams group (KIP-1071): two instances count words, one is killed, the broker too; what kafka-streams-groups says of them.
# on: file cores2
# needs: tools streams
# seconds: 300
source "$CLIENTS/lib/check.sh"

broker_prepare
# Kafka allows no shorter times than these, unless it is told.
if [[ $BROKER == kafka ]]; then
    broker_settings+=(group.streams.min.session.timeout.ms=10000 group.streams.min.heartbeat.interval.ms=1000)
fi
broker_start group.streams.session.timeout.ms=10000 group.streams.heartbeat.interval.ms=1000

groups() { java_tool org.apache.kafka.tools.streams.StreamsGroupCommand --bootstrap-server "$BOOTSTRAP" "$@" 2>"$WORK/error" || fail "kafka-streams-groups $*: $(cat "$WORK/error")"; }
# `instance NAME`: an instance of the application with one thread.
instance() {
    start java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$FOREIGN/java/streams/*" "$CLIENTS/java/WordCount.java" \
        "$BOOTSTRAP" "$WORK/state-$1" 1 >"$WORK/$1" 2>&1
}
runs() { grep -q 'state RUNNING' "$WORK/$1"; }
# `say_words N`: each of the four partitions gets N lines of three words.
say_words() {
    local partition
    for partition in 0 1 2 3; do
        for ((line = 0; line < $1; line++)); do echo "swift swallow martin"; done | kcat -b "$BOOTSTRAP" -P -t lines -p "$partition"
    done
}
# The last count of each word, in the order of the words.
counted() {
    kcat -b "$BOOTSTRAP" -C -t counts -e -q -K ' ' 2>/dev/null | awk '{ if ($2 > most[$1]) most[$1] = $2 } END { for (word in most) print word, most[word] }' | sort | paste -sd ' '
}
has_counted() { [[ $(counted) == "martin $1 swallow $1 swift $1" ]]; }
members() { groups --describe --group counting --members >"$WORK/members" && [[ $(grep -c '^counting' "$WORK/members") == "$1" ]]; }

say "one instance waits for its topic, and creates its own"
java_tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$BOOTSTRAP" --create --topic lines --partitions 4 >"$WORK/out"
java_tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$BOOTSTRAP" --create --topic counts --partitions 2 >"$WORK/out"
instance one
one=$STARTED
within 60 runs one || fail "the first instance does not run: $(tail -n 5 "$WORK/one")"
say_words 10
within 60 has_counted 40 || fail "counts of 40: $(counted)"
java_tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$BOOTSTRAP" --describe --topic 'counting-.*' >"$WORK/out"
cat "$WORK/out"
equal "$(grep -c 'PartitionCount: 4' "$WORK/out")" 2 "topics of the application with four partitions"
grep -q -E 'counting-counts-changelog.*cleanup.policy=compact' "$WORK/out" || fail "the changelog's settings: $(cat "$WORK/out")"

say "a second one shares"
instance two
two=$STARTED
within 60 runs two || fail "the second instance does not run: $(tail -n 5 "$WORK/two")"
within 60 members 2 || fail "two members: $(cat "$WORK/members")"
say_words 10
within 60 has_counted 80 || fail "counts of 80: $(counted)"
groups --list >"$WORK/out"
equal "$(cat "$WORK/out")" counting "the list of streams groups"
groups --describe --group counting --state --verbose >"$WORK/out"
cat "$WORK/out"
grep -q -E '^counting .*Stable' "$WORK/out" || fail "the group's state: $(cat "$WORK/out")"
groups --describe --group counting --members --verbose >"$WORK/out"
cat "$WORK/out"

say "kill -9 of the broker, and both go on"
broker_kill
broker_start
say_words 10
within 90 has_counted 120 || fail "counts of 120 after kill -9: $(counted); $(tail -n 3 "$WORK/one")"

say "one is killed, the other takes over with its state"
kill -9 "$one"
wait "$one" || true
say_words 10
within 90 has_counted 160 || fail "counts of 160 after one was killed: $(counted); $(tail -n 3 "$WORK/two")"
within 60 members 1 || fail "members after one was killed: $(cat "$WORK/members")"
groups --describe --group counting --offsets >"$WORK/out"
cat "$WORK/out"

say "the last one leaves; the group can go"
kill "$two"
wait "$two" || true
within 60 members 0 || fail "members after all left: $(cat "$WORK/members")"
groups --delete --group counting >"$WORK/out"
cat "$WORK/out"
broker_stop
echo "RESULT: words counted by two instances, through the end of one of them and of a broker"
