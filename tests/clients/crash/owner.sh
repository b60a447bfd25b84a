# Who may write to a store: not a copy of the data directory, and not an empty one on a used prefix. Both are refused with the reason,
# while the original runs and after it has stopped; the original loses nothing.
# on: file s3
# kafka: no
# needs: acked
# seconds: 120
source "$CLIENTS/lib/check.sh"

EXTERNAL_STORE=$WORK/store
broker_prepare
original_port=$PORT original_data=$DATA original_log=$BROKER_LOG
fill() { "$FOREIGN/bin/acked" fill -brokers "$BOOTSTRAP" -topic owner -acks "$WORK/acks" -count 20; }
verified() { "$FOREIGN/bin/acked" verify -brokers "$BOOTSTRAP" -topic owner -acks "$WORK/acks"; }

# `as_intruder DATA` and `as_original`: whose command line the next start has.
as_intruder() { original_pid=${BROKER_PID:-} DATA=$1 PORT=$(free_port) BOOTSTRAP=127.0.0.1:$PORT BROKER_LOG=$WORK/intruder.log; }
as_original() { DATA=$original_data PORT=$original_port BOOTSTRAP=127.0.0.1:$PORT BROKER_LOG=$original_log BROKER_PID=$original_pid; }
refused() {
    touch "$WORK/intruder.log"
    as_intruder "$1"
    broker_refused 'own|another|copy|copied|restored|incarnation|prefix'
    cat "$WORK/intruder.log" >>"$original_log"
    as_original
}

broker_start
fill
broker_stop
cp -a "$DATA" "$WORK/copy"
broker_start
started+=("$BROKER_PID")
fill

say "a copy, while the original runs"
refused "$WORK/copy"
say "an empty directory on the used prefix, while the original runs"
refused "$WORK/empty"
fill
verified

broker_stop
say "a copy, after the original has stopped"
refused "$WORK/copy"
say "an empty directory, after the original has stopped"
refused "$WORK/empty"

say "the original"
broker_start
verified
fill
verified
broker_stop
