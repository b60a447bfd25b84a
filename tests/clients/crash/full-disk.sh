# A full disk: produce answers KAFKA_STORAGE_ERROR, reads go on, a restart finds its way, and writes go on when there is
# space again.
# on: file
# kafka: no
# needs: acked
# seconds: 240
source "$CLIENTS/lib/check.sh"

# Journal segments take up to twice 64 MiB, so 320 MiB leave room for packs; the ballast is what is freed again.
disk=$WORK/disk
mkdir -p "$disk"
mount -t tmpfs -o size=320m apus-full "$disk" 2>"$WORK/error" || skip "no tmpfs may be mounted here: $(cat "$WORK/error")"
MOUNTED=$disk
DATA=$disk/data
broker_prepare
broker_start
fill() { "$FOREIGN/bin/acked" fill -brokers "$BOOTSTRAP" -topic full -acks "$WORK/acks" "$@"; }
verified() { "$FOREIGN/bin/acked" verify -brokers "$BOOTSTRAP" -topic full -acks "$WORK/acks"; }

fill -count 20
head -c 100M /dev/zero >"$disk/ballast"
say "until the disk is full: $(df -h --output=avail "$disk" | tail -n 1) left"
fill -expect KAFKA_STORAGE_ERROR
broker_alive || fail "the broker ended on a full disk: $(broker_last_words)"
say "reads while the disk is full ($(df --output=avail "$disk" | tail -n 1) KiB left)"
verified

say "a restart while there is not one block left"
broker_kill
cat /dev/zero >"$disk/last" 2>/dev/null || true
say "$(df --output=avail "$disk" | tail -n 1) KiB left"
broker_start
verified
fill -expect KAFKA_STORAGE_ERROR
broker_alive || fail "the broker ended on a full disk: $(broker_last_words)"

say "space returns"
rm "$disk/ballast" "$disk/last"
from=$SECONDS
written() { broker_alive || fail "the broker ended: $(broker_last_words)"; fill -count 20 >"$WORK/fill" 2>&1; }
within 40 written || fail "no write succeeded within 40 s of space: $(cat "$WORK/fill")"
recovered=$((SECONDS - from))
verified

say "and after kill -9"
broker_kill
broker_start
verified
broker_stop
echo "RESULT: $(grep -c . "$WORK/acks") records kept, writes again after $recovered s"
