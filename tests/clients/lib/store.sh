# The S3 server that the runner starts once, and one fresh bucket a check.
# shellcheck shell=bash

# Starts MinIO or versitygw on a free port and exports what clients need to reach it.
s3_start() {
    local port console directory=$FOREIGN/tmp/s3.$$
    port=$(free_port) console=$(free_port)
    mkdir -p "$directory"
    export AWS_ACCESS_KEY_ID=foreign AWS_SECRET_ACCESS_KEY=foreign-secret AWS_REGION=us-east-1
    export S3_ENDPOINT=http://127.0.0.1:$port
    if stamped "minio-$MINIO_VERSION"; then
        S3_SERVER=MinIO
        MINIO_ROOT_USER=$AWS_ACCESS_KEY_ID MINIO_ROOT_PASSWORD=$AWS_SECRET_ACCESS_KEY MINIO_BROWSER=off \
            "$FOREIGN/bin/minio" server --quiet --address "127.0.0.1:$port" --console-address "127.0.0.1:$console" \
            "$directory" >"$FOREIGN/logs/s3.log" 2>&1 </dev/null &
    else
        S3_SERVER=versitygw
        "$FOREIGN/bin/versitygw" --access "$AWS_ACCESS_KEY_ID" --secret "$AWS_SECRET_ACCESS_KEY" \
            --port "127.0.0.1:$port" posix "$directory" >"$FOREIGN/logs/s3.log" 2>&1 </dev/null &
    fi
    S3_PID=$!
    S3_DIRECTORY=$directory
    for _ in $(seq 100); do
        python3 "$CLIENTS/python/bucket.py" create ready 2>/dev/null && return 0
        kill -0 "$S3_PID" 2>/dev/null || break
        sleep 0.2
    done
    echo "the S3 server did not come up; its log ends:" >&2
    tail -5 "$FOREIGN/logs/s3.log" >&2
    return 1
}

s3_stop() {
    if [[ -n ${S3_PID:-} ]]; then
        kill -9 "$S3_PID" 2>/dev/null || true
        wait "$S3_PID" 2>/dev/null || true
        rm -rf "$S3_DIRECTORY"
        S3_PID=
    fi
}
