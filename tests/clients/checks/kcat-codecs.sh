# kcat round trips: every codec, keyed over partitions and ordered within one, acks 0, 1 and all, idempotent.
# on: file s3 cores2 cores4
# seconds: 120
source "$CLIENTS/lib/check.sh"

broker_prepare
broker_start

# 4,000 lines "key<TAB>value" whose values shrink, stretch and repeat, so that every codec has something to do.
python3 - "$WORK/records" <<'EOF'
import random, sys
rng = random.Random(7)
with open(sys.argv[1], "w") as out:
    for number in range(4000):
        word = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=rng.randint(1, 40)))
        out.write(f"key-{number}\tvalue-{number}-{word * rng.randint(0, 20)}\n")
EOF
sort "$WORK/records" >"$WORK/records.sorted"

# `consumed TOPIC PARTITION`: everything there, as the lines that were produced.
consumed() { kcat -b "$BOOTSTRAP" -C -q -t "$1" -p "$2" -o beginning -e -f '%k\t%s\n'; }

for codec in none gzip snappy lz4 zstd; do
    topic=codec-$codec
    kcat -b "$BOOTSTRAP" -P -t "$topic" -K '\t' -z "$codec" -X topic.request.required.acks=-1 -l "$WORK/records"
    : >"$WORK/read"
    for partition in 0 1 2 3; do
        consumed "$topic" "$partition" >"$WORK/part"
        [[ -s $WORK/part ]] || fail "$codec: partition $partition is empty, keys are not spread"
        cat "$WORK/part" >>"$WORK/read"
    done
    sort "$WORK/read" >"$WORK/read.sorted"
    same "$WORK/records.sorted" "$WORK/read.sorted" "codec $codec over four partitions"

    kcat -b "$BOOTSTRAP" -P -t "$topic-ordered" -p 2 -K '\t' -z "$codec" -X enable.idempotence=true -l "$WORK/records"
    consumed "$topic-ordered" 2 >"$WORK/read"
    same "$WORK/records" "$WORK/read" "codec $codec in order, idempotent"
    say "codec $codec: 8,000 records byte for byte"
done

for acks in 0 1; do
    kcat -b "$BOOTSTRAP" -P -t "acks-$acks" -p 0 -K '\t' -X "topic.request.required.acks=$acks" -l "$WORK/records"
    all_there() { [[ $(kcat -b "$BOOTSTRAP" -Q -t "acks-$acks:0:-1" | sed 's/.* //') == 4000 ]]; }
    within 10 all_there || fail "acks=$acks: $(kcat -b "$BOOTSTRAP" -Q -t "acks-$acks:0:-1") of 4,000 records"
    consumed "acks-$acks" 0 >"$WORK/read"
    same "$WORK/records" "$WORK/read" "acks $acks"
done
broker_stop
echo "RESULT: 48,000 records, five codecs, acks 0, 1, all"
