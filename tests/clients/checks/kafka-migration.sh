# One group rolled from the classic protocol to the consumer protocol and back, under load: eager and cooperative consumers.
# on: file
# needs: tools kcat
# seconds: 420
source "$CLIENTS/lib/check.sh"

broker_prepare
broker_settings+=(group.consumer.min.session.timeout.ms=10000 group.consumer.min.heartbeat.interval.ms=1000)
broker_start group.consumer.session.timeout.ms=10000 group.consumer.heartbeat.interval.ms=1000

groups() { java_tool org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server "$BOOTSTRAP" "$@" 2>"$WORK/error" || fail "kafka-consumer-groups $*: $(cat "$WORK/error")"; }
# `member NAME PROTOCOL...`: a member of the group $group; what it says is in $WORK/$group-NAME.
member() {
    local name=$1
    shift
    start java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$FOREIGN/java/tools/*" org.apache.kafka.tools.VerifiableConsumer \
        --bootstrap-server "$BOOTSTRAP" --topic "$group" --group-id "$group" --reset-policy earliest --verbose "$@" >"$WORK/$group-$name" 2>&1
    pids[$name]=$STARTED
}
classic() { member "$1" --group-protocol classic --session-timeout 10000 --assignment-strategy "org.apache.kafka.clients.consumer.$assignor"; }
consumer() { member "$1" --group-protocol consumer; }
leave() {
    kill "${pids[$1]}"
    wait "${pids[$1]}" || true
}
# `produce`: a hundred records more in each partition; all that were ever produced are in $WORK/wanted.
produce() {
    local partition
    for partition in 0 1 2 3; do
        seq $((produced + 1)) $((produced + 100)) | sed "s/^/$partition-/" | tee -a "$WORK/wanted" | kcat -b "$BOOTSTRAP" -P -t "$group" -p "$partition"
    done
    produced=$((produced + 100))
}
values() { cat "$WORK/$group"-* | { grep '"name":"record_data"' || true; } | jq -r .value | sort -u; }
has_read() { [[ $(values | wc -l) == $((4 * produced)) ]]; }
all_read() {
    within 60 has_read || fail "$1: $(values | wc -l) of $((4 * produced)) records: $(tail -n 2 "$WORK/$group"-*)"
    values >"$WORK/read"
    sort -u "$WORK/wanted" >"$WORK/sorted"
    same "$WORK/sorted" "$WORK/read" "$1"
}
# `shares N`: so many members share the four partitions, each at least one of them.
shares() {
    groups --describe --group "$group" --members >"$WORK/members"
    awk -v group="$group" -v wanted="$1" '$1 == group { count++; sum += $NF; if ($NF == 0) idle++ } END { exit !(count == wanted && sum == 4 && !idle) }' "$WORK/members"
}
# `is TYPE N`: the group is of this type, and so many members share.
is() {
    within 60 shares "$2" || fail "$2 members do not share: $(cat "$WORK/members")"
    cat "$WORK/members"
    groups --list --type "$1" >"$WORK/out"
    grep -q "^$group" "$WORK/out" || fail "$group is not among the groups of type $1: $(cat "$WORK/out")"
}

# What is committed of all partitions, and how much is not.
committed() { groups --describe --group "$group" | awk -v group="$group" '$1 == group { lag += $6; committed += $4 } END { print committed, lag }'; }
is_committed() { [[ $(committed) == "$((4 * produced)) 0" ]]; }

declare -A pids=()
for assignor in RangeAssignor CooperativeStickyAssignor; do
    group=$(tr '[:upper:]' '[:lower:]' <<<"$assignor")
    produced=0
    : >"$WORK/wanted"
    produce
    say "$assignor: two classic members"
    classic one
    classic two
    is classic 2
    all_read "two classic members"

    say "$assignor: up, one by one"
    consumer three
    produce
    is consumer 3
    produce
    all_read "a member of the consumer protocol beside two classic ones"
    groups --describe --group "$group" --state >"$WORK/out"
    cat "$WORK/out"
    grep -q -E "^$group .*Stable +3" "$WORK/out" || fail "the mixed group's state: $(cat "$WORK/out")"
    leave one
    consumer four
    produce
    is consumer 3
    leave two
    produce
    is consumer 2
    all_read "two members of the consumer protocol"

    say "$assignor: kill -9 between the two protocols"
    classic five
    is consumer 3
    broker_kill
    broker_start
    produce
    is consumer 3
    all_read "a mixed group after kill -9"

    say "$assignor: down, one by one"
    leave three
    produce
    is consumer 2
    classic six
    is consumer 3
    leave four
    produce
    is classic 2
    # A commit in the middle of a rebalance fails, and the tool does not try again: what comes now is committed.
    produce
    all_read "two classic members again"
    within 30 is_committed || fail "committed and lag: $(committed)"
    leave five
    leave six
    equal "$(committed)" "$((4 * produced)) 0" "committed offsets and lag when nobody is in it any more"
done
broker_stop
