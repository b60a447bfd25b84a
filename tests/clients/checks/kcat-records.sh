# kcat round trips of unusual records: binary, null and empty, headers, timestamps, 1 MB, too large; then all of it after a restart.
# on: file s3 cores2 cores4
# seconds: 120
source "$CLIENTS/lib/check.sh"

broker_prepare
broker_start

read_one() { kcat -b "$BOOTSTRAP" -C -q -t "$1" -p 0 -o "$2" -c 1 -f "$3"; }

say "null, empty and keyless"
printf 'a:\n:b\n:\nplain\n' | kcat -b "$BOOTSTRAP" -P -t empty -p 0 -K : -Z
got=$(kcat -b "$BOOTSTRAP" -C -q -t empty -p 0 -o beginning -e -f '%K|%k|%S|%s;')
equal "$got" "1|a|-1|;-1||1|b;-1||-1|;-1||5|plain;" "null keys and values (sizes -1)"
printf 'x:\n' | kcat -b "$BOOTSTRAP" -P -t empty-not-null -p 0 -K :
equal "$(read_one empty-not-null 0 '%K|%S')" "1|0" "an empty value is not null"

say "headers"
printf 'v\n' | kcat -b "$BOOTSTRAP" -P -t headers -p 0 -H one=1 -H two=second -H one=again -H empty= -H none
equal "$(read_one headers 0 '%h')" "one=1,two=second,one=again,empty=,none=NULL" "headers, their order and repetition"

say "timestamps"
before=$(date +%s%3N)
seq 10 | kcat -b "$BOOTSTRAP" -P -t times -p 0
after=$(date +%s%3N)
while read -r time; do
    ((time >= before && time <= after)) || fail "timestamp $time is not within $before..$after"
done < <(kcat -b "$BOOTSTRAP" -C -q -t times -p 0 -o beginning -e -f '%T\n')

say "1 MB records"
for number in 0 1 2; do head -c 1000000 /dev/urandom >"$WORK/big.$number"; done
for codec in none lz4; do
    # The old client counts its own overhead against its limit of 1,000,000.
    kcat -b "$BOOTSTRAP" -P -t "big-$codec" -p 0 -z "$codec" -X message.max.bytes=1048588 "$WORK"/big.{0,1,2}
done
big_same() {
    local codec number
    for codec in none lz4; do
        for number in 0 1 2; do
            read_one "big-$codec" "$number" '%s' >"$WORK/read"
            same "$WORK/big.$number" "$WORK/read" "1 MB record $number, codec $codec"
        done
    done
}
big_same

say "a record larger than message.max.bytes"
head -c 1500000 /dev/urandom >"$WORK/huge"
if kcat -b "$BOOTSTRAP" -P -t big-none -p 0 -X message.max.bytes=4000000 "$WORK/huge" 2>"$WORK/error"; then
    # kcat's exit status does not tell of a failed delivery in every case.
    grep -q 'Message size too large' "$WORK/error" || fail "1.5 MB were accepted under the default message.max.bytes"
fi
grep -q 'Message size too large' "$WORK/error" || fail "1.5 MB were refused with another error: $(cat "$WORK/error")"

say "the same bytes after a restart, and 1.5 MB where the broker allows them"
broker_stop
broker_start message.max.bytes=3000000
big_same
kcat -b "$BOOTSTRAP" -P -t big-none -p 0 -X message.max.bytes=4000000 "$WORK/huge"
read_one big-none 3 '%s' >"$WORK/read"
same "$WORK/huge" "$WORK/read" "1.5 MB under message.max.bytes=3000000"
equal "$(read_one headers 0 '%h')" "one=1,two=second,one=again,empty=,none=NULL" "headers after the restart"
broker_stop
