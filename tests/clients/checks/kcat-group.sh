# kcat in group mode: members share partitions, take over from one that leaves, and go on where the group stopped.
# on: file s3 cores2 cores4
# seconds: 180
source "$CLIENTS/lib/check.sh"

broker_prepare
broker_start

member() { kcat -b "$BOOTSTRAP" -q -X auto.offset.reset=earliest -X session.timeout.ms=6000 -X heartbeat.interval.ms=500 -G "$@"; }
produce() { seq "$1" "$2" | kcat -b "$BOOTSTRAP" -X sticky.partitioning.linger.ms=0 -P -t shared -X topic.partitioner=random; }

say "one member reads everything"
produce 1 1000
member alone -e -f '%s\n' shared 2>"$WORK/error" | sort -n >"$WORK/read"
seq 1000 >"$WORK/wanted"
same "$WORK/wanted" "$WORK/read" "1,000 records over four partitions"

say "the group goes on where it stopped"
produce 1001 1500
member alone -e -f '%s\n' shared 2>>"$WORK/error" | sort -n >"$WORK/read"
seq 1001 1500 >"$WORK/wanted"
same "$WORK/wanted" "$WORK/read" "what came since the last commit"

say "and still does after the broker was killed"
broker_kill
broker_start
produce 1501 1600
member alone -e -f '%s\n' shared 2>>"$WORK/error" | sort -n >"$WORK/read"
seq 1501 1600 >"$WORK/wanted"
same "$WORK/wanted" "$WORK/read" "what came since the last commit, after kill -9"

say "two members share the partitions"
for one in a b; do
    start kcat -b "$BOOTSTRAP" -X auto.offset.reset=latest -X session.timeout.ms=6000 -X heartbeat.interval.ms=500 \
        -X "client.id=$one" -u -G team -f '%p %s\n' shared >"$WORK/$one" 2>"$WORK/$one.log"
    [[ $one == a ]] && first=$STARTED
done
# kcat prints each assignment: `% Group team rebalanced (memberid a-...): assigned: shared [0], shared [1]`.
owns() { grep -E 'rebalanced.*assigned' "$WORK/$1.log" | tail -n 1 | grep -o 'shared \[[0-9]*\]' | sort -u | wc -l; }
# Whoever begins at the latest record has found its place once it says that it reached the end: what is written before then may be
# nobody's.
placed() { awk '/rebalanced/ { split("", ends); count = 0 } /Reached end of topic/ && !($7 in ends) { ends[$7]; count++ } END { print count + 0 }' "$WORK/$1.log"; }
shared() { [[ $(owns a) == 2 && $(owns b) == 2 && $(placed a) == 2 && $(placed b) == 2 ]]; }
within 60 shared || fail "partitions of the members: $(owns a) and $(owns b) of 4; $(tail -n 2 "$WORK/a.log" "$WORK/b.log")"

say "what is written reaches exactly one of them"
produce 2001 3000
both() { [[ $(cat "$WORK/a" "$WORK/b" | wc -l) -ge 1000 ]]; }
within 30 both || fail "the members have $(wc -l <"$WORK/a") and $(wc -l <"$WORK/b") of 1,000 records"
cut -d' ' -f2 "$WORK/a" "$WORK/b" | sort -n >"$WORK/read"
seq 2001 3000 >"$WORK/wanted"
same "$WORK/wanted" "$WORK/read" "1,000 records over two members"
[[ -s $WORK/a && -s $WORK/b ]] || fail "one member has everything"

say "one leaves, the other takes over"
kill "$first"
wait "$first" || true
over() { [[ $(owns b) == 4 && $(placed b) == 4 ]]; }
within 30 over || fail "the member that stayed has $(owns b) of 4 partitions: $(tail -n 2 "$WORK/b.log")"
from=$(wc -l <"$WORK/b")
produce 4001 4500
rest() { (($(wc -l <"$WORK/b") >= from + 500)); }
within 30 rest || fail "the member that stayed has $(($(wc -l <"$WORK/b") - from)) of 500 records"
tail -n "+$((from + 1))" "$WORK/b" | cut -d' ' -f2 | sort -n >"$WORK/read"
seq 4001 4500 >"$WORK/wanted"
same "$WORK/wanted" "$WORK/read" "500 records for the member that stayed"
broker_stop
