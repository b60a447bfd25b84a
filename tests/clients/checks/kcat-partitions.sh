# kcat's metadata list, and one topic with 64 partitions written and read as a whole.
# on: file s3 cores2 cores4
# seconds: 90
source "$CLIENTS/lib/check.sh"

broker_prepare
broker_start num.partitions=64

seq 20000 | kcat -b "$BOOTSTRAP" -P -t wide -X partitioner=murmur2_random -X topic.partitioner=random
kcat -b "$BOOTSTRAP" -L -J >"$WORK/metadata"
equal "$(jq '.brokers | length' "$WORK/metadata")" 1 "brokers"
equal "$(jq -r '.brokers[0].name' "$WORK/metadata")" "$BOOTSTRAP" "the broker's address"
equal "$(jq '.topics[] | select(.topic == "wide") | .partitions | length' "$WORK/metadata")" 64 "partitions of the topic"
equal "$(jq '[.topics[] | select(.topic == "wide") | .partitions[] | select(.leader == 1 and (.isrs | length) == 1)] | length' "$WORK/metadata")" \
    64 "partitions with a leader and an in-sync replica"
equal "$(jq '.controllerid' "$WORK/metadata")" 1 "the controller"

kcat -b "$BOOTSTRAP" -C -q -t wide -o beginning -e -f '%s\n' | sort -n >"$WORK/read"
seq 20000 >"$WORK/wanted"
same "$WORK/wanted" "$WORK/read" "20,000 records over 64 partitions"

say "each partition by itself, in one producer"
for partition in $(seq 0 63); do
    echo "to-$partition" | kcat -b "$BOOTSTRAP" -P -t each -p "$partition"
done
kcat -b "$BOOTSTRAP" -C -q -t each -o beginning -e -f '%p=%s\n' | sort -V >"$WORK/read"
for partition in $(seq 0 63); do echo "$partition=to-$partition"; done >"$WORK/wanted"
same "$WORK/wanted" "$WORK/read" "one record in each of 64 partitions"

say "an invalid name and a missing partition are errors"
if kcat -b "$BOOTSTRAP" -L -t 'no/such*name' >"$WORK/error" 2>&1 && ! grep -q -i 'invalid' "$WORK/error"; then
    fail "metadata of an invalid topic name: $(cat "$WORK/error")"
fi
if echo lost | kcat -b "$BOOTSTRAP" -P -t each -p 64 -X message.timeout.ms=5000 >"$WORK/error" 2>&1; then
    fail "a record for partition 64 of 64 was delivered"
fi
broker_stop
