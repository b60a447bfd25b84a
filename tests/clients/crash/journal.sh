# A damaged journal: garbage after the last group loses nothing, a flipped bit inside a sealed one halts the start and says so.
# on: file s3
# kafka: no
# needs: acked
# seconds: 180
source "$CLIENTS/lib/check.sh"
source "$CLIENTS/lib/journal.sh"

broker_prepare
broker_start

# `produced SECONDS`: records for a while, each acknowledged.
produced() {
    "$FOREIGN/bin/acked" fill -brokers "$BOOTSTRAP" -topic journal -acks "$WORK/acks" -count "$1"
}
verified() { "$FOREIGN/bin/acked" verify -brokers "$BOOTSTRAP" -topic journal -acks "$WORK/acks"; }

say "garbage after a group that was killed in the middle of its work"
start "$FOREIGN/bin/acked" produce -brokers "$BOOTSTRAP" -topic journal -acks "$WORK/acks" >"$WORK/producer" 2>&1
producer=$STARTED
sleep 3
broker_kill
kill -9 "$producer"
wait "$producer" 2>/dev/null || true
acknowledged=$(wc -l <"$WORK/acks")
((acknowledged > 1000)) || fail "only $acknowledged records in 3 s: $(cat "$WORK/producer")"
read -r segment free < <(journal_tail)
journal_garbage "$segment" "$free"
say "10,000 random bytes at $free of $segment"
broker_start
verified

say "garbage after a sealed group, that is after idleness and an orderly end"
produced 20
sleep 1
broker_stop
read -r segment free < <(journal_tail)
journal_garbage "$segment" "$free"
say "10,000 random bytes at $free of $segment"
broker_start
verified
produced 20
verified

say "a flipped bit inside a group that others follow"
sleep 1
broker_kill
read -r segment free < <(journal_tail)
((free >= 16384)) || fail "the newest segment holds only $free bytes: nothing to flip inside"
place=$(journal_flip "$segment" "$free")
say "flipped a bit at $place of $segment, whose groups end at $free"
cp "$segment" "$WORK/evidence"
broker_refused 'corrupt'
broker_last_words | grep -q -F "$(basename "$segment")" || fail "the message does not name the segment: $(broker_last_words)"
cmp -s "$segment" "$WORK/evidence" || fail "the halted start changed the segment: the evidence is gone"

say "the bit flipped back: everything is there"
python3 - "$segment" "$place" <<'EOF'
import sys
with open(sys.argv[1], "r+b") as segment:
    segment.seek(int(sys.argv[2]))
    byte = segment.read(1)[0]
    segment.seek(int(sys.argv[2]))
    segment.write(bytes([byte ^ 0x10]))
EOF
broker_start
verified
broker_stop
