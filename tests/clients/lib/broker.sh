# One broker for one check: started, killed, restarted on the same port and directory; Apus, or Kafka with `run --kafka`.
# shellcheck shell=bash

# Settings of every broker here, Kafka's names; `broker_start key=value` adds to them for good.
broker_settings=(num.partitions=4 auto.create.topics.enable=true)

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# `broker_prepare`: port, directories and store of this check. DATA may be set before, to put the data elsewhere.
broker_prepare() {
    PORT=$(free_port)
    BOOTSTRAP=127.0.0.1:$PORT
    DATA=${DATA:-$WORK/data}
    BROKER_PID=
    mkdir -p "$WORK"
    if [[ $STORE == s3 ]]; then
        BUCKET=$(basename "$WORK" | tr -c 'a-z0-9\n' '-')
        python3 "$CLIENTS/python/bucket.py" create "$BUCKET"
    fi
    if [[ $BROKER == kafka ]]; then kafka_format; fi
}

# The command line of Apus with the store of this check; EXTERNAL_STORE places a `file:` store outside of the data directory.
apus_command() {
    local setting
    # The command may carry arguments of its own, so its words are split on purpose.
    # shellcheck disable=SC2206
    command=($BROKER_CMD serve --set "listeners=PLAINTEXT://$BOOTSTRAP" --set "data.dir=$DATA")
    if [[ $STORE == s3 ]]; then
        command+=(--set "diskless.store=s3://$BUCKET/apus" --set "diskless.s3.endpoint=$S3_ENDPOINT"
            --set "diskless.s3.region=$AWS_REGION" --set diskless.s3.path.style.access=true)
    elif [[ -n ${EXTERNAL_STORE:-} ]]; then
        command+=(--set "diskless.store=file:$EXTERNAL_STORE")
    fi
    if [[ -n ${CORES:-} ]]; then command+=(--set "cores=$CORES"); fi
    for setting in "${broker_settings[@]}"; do command+=(--set "$setting"); done
}

# Kafka 4.4 as one KRaft process, formatted once.
kafka_format() {
    local controller
    controller=$(free_port)
    mkdir -p "$DATA"
    cat >"$WORK/kafka.properties" <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://$BOOTSTRAP,CONTROLLER://127.0.0.1:$controller
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$DATA
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
EOF
    java -cp "$FOREIGN/java/kafka/*" kafka.tools.StorageTool format -t AAAAAAAAAAAAAAAAAAAAAQ -c "$WORK/kafka.properties" \
        >>"$BROKER_LOG" 2>&1
}

kafka_command() {
    printf '%s\n' "${broker_settings[@]}" | cat "$WORK/kafka.properties" - >"$WORK/kafka.started.properties"
    command=(java -Xmx512m -Xms512m -Dorg.slf4j.simpleLogger.defaultLogLevel=warn)
    # With APUS_FOREIGN_REQUESTS=1 Kafka's log names every request: it shows which APIs a client's check needs.
    if [[ -n ${APUS_FOREIGN_REQUESTS:-} ]]; then command+=(-Dorg.slf4j.simpleLogger.log.kafka.request.logger=debug); fi
    command+=(-cp "$FOREIGN/java/kafka/*" kafka.Kafka "$WORK/kafka.started.properties")
}

# Starts the broker without waiting; its log grows over restarts.
broker_spawn() {
    local command=()
    "${BROKER}_command"
    echo "--- $(date +%T.%N | cut -c1-12) ${command[*]}" >>"$BROKER_LOG"
    "${command[@]}" >>"$BROKER_LOG" 2>&1 </dev/null &
    BROKER_PID=$!
}

# `broker_start [key=value ...]`: the broker answers when this returns.
broker_start() {
    broker_settings+=("$@")
    broker_spawn
    broker_wait
}

broker_wait() {
    local deadline=$((SECONDS + 60))
    until broker_answers; do
        broker_alive || fail "the broker ended while it started: $(broker_last_words)"
        ((SECONDS < deadline)) || fail "the broker does not answer on $BOOTSTRAP within 60 s: $(broker_last_words)"
        sleep 0.05
    done
}

broker_alive() { kill -0 "$BROKER_PID" 2>/dev/null; }
broker_answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null && { [[ $BROKER == apus ]] || kcat -b "$BOOTSTRAP" -L -m 2 >/dev/null 2>&1; }
}
broker_last_words() { tail -n 3 "$BROKER_LOG" | tr '\n' ' '; }

broker_kill() {
    kill -9 "$BROKER_PID" 2>/dev/null || fail "the broker was gone before it was killed: $(broker_last_words)"
    wait "$BROKER_PID" 2>/dev/null || true
    BROKER_PID=
    # The kernel lets go of the sockets of a killed process a little later: nobody is to meet its ghost.
    for _ in $(seq 200); do
        (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null || return 0
        sleep 0.01
    done
    fail "somebody still listens on $BOOTSTRAP after the broker was killed"
}

# SIGTERM: what is in flight is answered and the exit status is 0.
broker_stop() {
    local status=0 pid=$BROKER_PID deadline=$((SECONDS + 30))
    kill "$pid" 2>/dev/null || fail "the broker was gone before it was stopped: $(broker_last_words)"
    while kill -0 "$pid" 2>/dev/null; do
        ((SECONDS < deadline)) || fail "the broker still runs 30 s after SIGTERM"
        sleep 0.05
    done
    wait "$pid" || status=$?
    BROKER_PID=
    # A JVM ends with 128 + 15 after SIGTERM however orderly it was.
    [[ $status == 0 || $BROKER == kafka ]] || fail "the broker ended with status $status after SIGTERM: $(broker_last_words)"
}

# `broker_refused PATTERN`: starts the broker and expects it to end by itself, with a reason that matches.
broker_refused() {
    local from status=0 deadline=$((SECONDS + 30)) reason
    from=$(wc -c <"$BROKER_LOG")
    broker_spawn
    while broker_alive; do
        if ((SECONDS >= deadline)); then
            broker_kill
            fail "the broker started although it had to refuse"
        fi
        sleep 0.05
    done
    wait "$BROKER_PID" || status=$?
    BROKER_PID=
    reason=$(tail -c "+$((from + 1))" "$BROKER_LOG" | grep -v '^--- ')
    ((status != 0)) || fail "the broker ended with status 0 where it had to refuse: $reason"
    ((status < 128)) || fail "the broker died with status $status where it had to refuse: $reason"
    grep -q -i -E "$1" <<<"$reason" || fail "the refusal does not give its reason (wanted: $1): $reason"
    say "refused: $reason"
}

# Resident kilobytes, and CPU seconds so far.
broker_rss() { awk '/^VmRSS/ { print $2 }' "/proc/$BROKER_PID/status"; }
broker_cpu() { awk -v tick="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); printf "%.2f\n", ($12 + $13) / tick }' "/proc/$BROKER_PID/stat"; }

# `broker_observed`, before the first start of an Apus: its metrics have a port of their own; `broker_metrics` prints them.
broker_observed() {
    HTTP=127.0.0.1:$(free_port)
    broker_settings+=("diskless.http.listener=$HTTP")
}
broker_metrics() { python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())' "http://$HTTP/metrics"; }
