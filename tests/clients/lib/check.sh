# What every check sources: its work directory, the words it speaks, and the end of all it started.
# The runner sets ROOT, CLIENTS, FOREIGN, BROKER (apus or kafka), BROKER_CMD, STORE (file or s3), CORES, WORK, BROKER_LOG.
# shellcheck shell=bash
set -euo pipefail

# shellcheck source=broker.sh
source "$CLIENTS/lib/broker.sh"

say() { printf '%s %s\n' "$(date +%T.%N | cut -c1-12)" "$*"; }
fail() {
    trap - ERR
    echo "FAIL: $*"
    exit 1
}
# The runner counts this as a failure where everything is required.
skip() {
    echo "SKIP: $*"
    exit 77
}

started=()
# `start COMMAND...`: in the background, ended with the check; its id is $STARTED.
start() {
    "$@" </dev/null &
    STARTED=$!
    started+=("$STARTED")
}

finish() {
    local status=$? pid
    trap - EXIT ERR
    set +e
    for pid in "${started[@]}" "${BROKER_PID:-}"; do
        [[ -n $pid ]] && kill -9 "$pid" 2>/dev/null
    done
    wait 2>/dev/null
    if [[ -n ${MOUNTED:-} ]]; then umount "$MOUNTED" || umount -l "$MOUNTED"; fi
    if [[ -z ${APUS_FOREIGN_KEEP:-} ]]; then rm -rf "$WORK"; fi
    exit "$status"
}
trap finish EXIT
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR
set -o errtrace
trap 'exit 143' TERM INT

# `same FILE FILE WHAT`: byte for byte.
same() { cmp "$1" "$2" || fail "$3: the bytes differ ($1 $(wc -c <"$1") bytes, $2 $(wc -c <"$2") bytes)"; }
# `equal GOT WANTED WHAT`
equal() { [[ $1 == "$2" ]] || fail "$3: got '$1', wanted '$2'"; }
# `within SECONDS COMMAND...`: until it succeeds.
within() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.2
    done
}

# `java_tool CLASS ARGUMENTS...`: one of Kafka's own tools.
java_tool() { java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$FOREIGN/java/tools/*" "$@" </dev/null; }
