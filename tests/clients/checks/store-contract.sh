# The contract that every object store here has to keep (store/tests/contract.rs), asked of a real S3 server: over http, over https
# with a certificate authority that only this check knows, and with the bucket in the host's name.
# on: s3
# kafka: no
# needs: openssl
# seconds: 900
source "$CLIENTS/lib/check.sh"

bucket=contract domain=store.test

# The program that `cargo test --workspace` built: the same features, so that nothing is built twice.
program=$(cd "$ROOT" && cargo test --workspace --locked --test contract --no-run --message-format json 2>"$WORK/cargo" </dev/null |
    jq -r 'select(.executable != null and .target.name == "contract") | .executable') || fail "the test: $(tail -n 3 "$WORK/cargo")"
[[ -x $program ]] || fail "cargo names no program of the test contract: $(tail -n 3 "$WORK/cargo")"

# `keeps NAME=VALUE...`: the contract, with these variables; `keeps_within COMMAND...` prepares the way for it.
keeps() { keeps_within env "$@"; }
keeps_within() {
    "$@" APUS_S3_BUCKET=$bucket "$program" --exact a_real_server_keeps_the_contract --nocapture >"$WORK/out" 2>&1 || return 1
    grep -q '1 passed' "$WORK/out" && ! grep -q '^skipped' "$WORK/out"
}
why() { grep -v '^\(running\|note\|$\)' "$WORK/out" | head -n 5 | tr '\n' ' '; }

say "over http"
python3 "$CLIENTS/python/bucket.py" create $bucket
keeps "APUS_S3_ENDPOINT=$S3_ENDPOINT" || fail "over http: $(why)"

[[ -x $FOREIGN/bin/minio ]] || skip "https and names of buckets: MinIO is not installed"

say "a server with a certificate of an authority made for it"
certificates=$WORK/certificates port=$(free_port)
mkdir -p "$certificates" "$WORK/objects"
key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
{
    openssl req -x509 "${key[@]}" -days 2 -subj "/CN=an authority of this check" -keyout "$WORK/ca.key" -out "$WORK/ca.crt"
    openssl req "${key[@]}" -subj "/CN=$domain" -keyout "$certificates/private.key" -out "$WORK/server.csr"
    openssl x509 -req -in "$WORK/server.csr" -CA "$WORK/ca.crt" -CAkey "$WORK/ca.key" -CAcreateserial -days 2 \
        -extfile <(echo "subjectAltName=IP:127.0.0.1,DNS:$domain,DNS:*.$domain") -out "$certificates/public.crt"
} 2>"$WORK/error" || fail "openssl: $(tail -n 3 "$WORK/error")"
start env "MINIO_ROOT_USER=$AWS_ACCESS_KEY_ID" "MINIO_ROOT_PASSWORD=$AWS_SECRET_ACCESS_KEY" MINIO_BROWSER=off MINIO_DOMAIN=$domain \
    "$FOREIGN/bin/minio" server --quiet --certs-dir "$certificates" --address "127.0.0.1:$port" \
    --console-address "127.0.0.1:$(free_port)" "$WORK/objects" >"$WORK/minio" 2>&1
created() { S3_ENDPOINT=https://127.0.0.1:$port SSL_CERT_FILE=$WORK/ca.crt python3 "$CLIENTS/python/bucket.py" create $bucket 2>"$WORK/error"; }
within 30 created || fail "the server with TLS: $(tail -n 1 "$WORK/error"); $(tail -n 3 "$WORK/minio")"

say "over https"
keeps "APUS_S3_ENDPOINT=https://127.0.0.1:$port" "SSL_CERT_FILE=$WORK/ca.crt" || fail "over https: $(why)"
if keeps "APUS_S3_ENDPOINT=https://127.0.0.1:$port"; then fail "a certificate of an unknown authority was trusted"; fi
grep -q -i 'certificate\|UnknownIssuer' "$WORK/out" || fail "an unknown authority was refused with another reason: $(why)"

# Names below a domain that is nobody's: a hosts file of our own, which only the client sees.
say "over https, with the bucket in the host's name"
(cat /etc/hosts && echo "127.0.0.1 $bucket.$domain") >"$WORK/hosts"
named() { unshare --mount sh -c 'mount --bind "$1" /etc/hosts && shift && exec "$@"' sh "$WORK/hosts" "$@"; }
named true 2>"$WORK/error" || skip "the name of a bucket cannot be made to resolve here: $(tail -n 1 "$WORK/error")"
virtual=("APUS_S3_ENDPOINT=https://$domain:$port" "SSL_CERT_FILE=$WORK/ca.crt" APUS_S3_PATH_STYLE=false)
keeps_within named env "${virtual[@]}" || fail "with the bucket in the host's name: $(why)"
echo "RESULT: over http and https, with the bucket in the path and in the host's name"
