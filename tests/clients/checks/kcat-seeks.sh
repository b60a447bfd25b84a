# kcat finds its place: by offset, from the end, by timestamp, at the live end, and outside of the log.
# on: file s3 cores2 cores4
# seconds: 90
source "$CLIENTS/lib/check.sh"

broker_prepare
broker_start

read_from() { kcat -b "$BOOTSTRAP" -C -q -t seek -p 0 -o "$1" -e "${@:2}" -f '%o=%s '; }

# Three groups of ten records with a known moment between them.
moment=()
for group in 0 1 2; do
    moment+=("$(date +%s%3N)")
    seq $((group * 10)) $((group * 10 + 9)) | kcat -b "$BOOTSTRAP" -P -t seek -p 0
    sleep 0.1
done

equal "$(read_from 25)" "25=25 26=26 27=27 28=28 29=29 " "from offset 25"
equal "$(read_from 7 -c 2)" "7=7 8=8 " "two from offset 7, inside of a batch"
equal "$(read_from -3)" "27=27 28=28 29=29 " "the last three"
equal "$(read_from beginning -c 1)" "0=0 " "the beginning"
equal "$(read_from end)" "" "the end"
equal "$(read_from "s@${moment[1]}" -c 1)" "10=10 " "from a timestamp"
equal "$(read_from "s@${moment[2]}" -c 1)" "20=20 " "from a later timestamp"
equal "$(read_from "s@${moment[1]}" -o "e@${moment[2]}" | wc -w)" 10 "between two timestamps"
equal "$(kcat -b "$BOOTSTRAP" -Q -t "seek:0:${moment[1]}")" "seek [0] offset 10" "offset of a timestamp"
equal "$(kcat -b "$BOOTSTRAP" -Q -t "seek:0:-1")" "seek [0] offset 30" "latest"
equal "$(kcat -b "$BOOTSTRAP" -Q -t "seek:0:-2")" "seek [0] offset 0" "earliest"
equal "$(kcat -b "$BOOTSTRAP" -Q -t "seek:0:$(($(date +%s%3N) + 60000))")" "seek [0] offset -1" "a timestamp after the last record"

say "out of range goes where auto.offset.reset says"
equal "$(timeout 20 kcat -b "$BOOTSTRAP" -C -q -t seek -p 0 -o 1000 -c 1 -X auto.offset.reset=earliest -f '%o')" 0 "offset 1000"

say "a consumer that waits at the end is woken by a record"
start kcat -b "$BOOTSTRAP" -C -q -u -t seek -p 0 -o end -c 1 -X fetch.wait.max.ms=10000 -f '%s' >"$WORK/live" 2>&1
tail=$STARTED
sleep 2
from=$EPOCHREALTIME
echo woken | kcat -b "$BOOTSTRAP" -P -t seek -p 0
wait "$tail"
waited=$(awk -v from="$from" -v to="$EPOCHREALTIME" 'BEGIN { printf "%d", (to - from) * 1000 }')
equal "$(cat "$WORK/live")" woken "the record at the live end"
((waited < 3000)) || fail "the waiting consumer got its record after $waited ms"
broker_stop
echo "RESULT: a waiting consumer had its record $waited ms after the producer started"
