//! Kafka's keys that are none of ours: those without a meaning here, and those that promise security.
//!
//! A Kafka `server.properties` starts Apus, so a key that has no meaning in a diskless broker is accepted and named
//! in one line. A key that promises security is never passed over: whoever wrote it believes to be protected.

/// What to make of a key that is not in the broker's own table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Accepted, without effect. The name is Kafka's, or the prefix of a family that plug-ins extend.
    Meaningless(&'static str),
    /// It promises something that is not built; nothing starts.
    Security,
    /// Not Kafka's either.
    Unknown,
}

/// What to make of it.
#[must_use]
pub fn classify(name: &str) -> Foreign {
    // `listener.name.internal.ssl.keystore.location` is `ssl.keystore.location` for one listener.
    if let Some((_, key)) = name.strip_prefix("listener.name.").and_then(|rest| rest.split_once('.')) {
        let mechanism = ["plain.", "gssapi.", "scram-sha-256.", "scram-sha-512.", "oauthbearer."];
        if mechanism.iter().any(|prefix| key.starts_with(prefix)) || is_security(key) {
            return Foreign::Security;
        }
        let known = super::broker_keys::find(key).is_some() || KAFKA_NAMES.contains(&key);
        return if known { Foreign::Meaningless("listener.name.") } else { Foreign::Unknown };
    }
    if is_security(name) {
        return Foreign::Security;
    }
    let exact = KAFKA_NAMES.iter().chain(REMOVED_NAMES).find(|known| **known == name);
    let family = FAMILIES.iter().find(|prefix| name.starts_with(**prefix));
    exact.or(family).map_or(Foreign::Unknown, |known| Foreign::Meaningless(known))
}

fn is_security(name: &str) -> bool {
    SECURITY_FAMILIES.iter().any(|prefix| name.starts_with(prefix)) || SECURITY_NAMES.contains(&name)
}

/// All names that a typing error may have meant.
pub fn names() -> impl Iterator<Item = &'static str> {
    KAFKA_NAMES.iter().chain(SECURITY_NAMES).copied()
}

/// Keys that promise security, by prefix.
const SECURITY_FAMILIES: &[&str] = &["ssl.", "sasl.", "delegation.token."];

/// Keys that promise security, or without which values would not be what their author means.
const SECURITY_NAMES: &[&str] = &[
    "allow.everyone.if.no.acl.found",
    "authorizer.class.name",
    "config.providers",
    "connections.max.reauth.ms",
    "password.encoder.secret",
    "principal.builder.class",
    "security.providers",
    "super.users",
];

/// Families of keys that plug-ins of Kafka define, or that went with ZooKeeper.
const FAMILIES: &[&str] = &["rlmm.config.", "rsm.config.", "zookeeper."];

/// Keys of older brokers, which Kafka 4 has removed.
const REMOVED_NAMES: &[&str] = &[
    "advertised.host.name",
    "advertised.port",
    "auto.include.jmx.reporter",
    "control.plane.listener.name",
    "controlled.shutdown.max.retries",
    "controlled.shutdown.retry.backoff.ms",
    "eligible.leader.replicas.enable",
    "host.name",
    "inter.broker.protocol.version",
    "log.message.downconversion.enable",
    "log.message.format.version",
    "log.message.timestamp.difference.max.ms",
    "metadata.log.max.idle.interval.ms",
    "offsets.commit.required.acks",
    "port",
    "quota.consumer.default",
    "quota.producer.default",
    "reserved.broker.max.id",
];

/// Keys of a Kafka 4.4 broker that are neither in our table nor about security.
const KAFKA_NAMES: &[&str] = &[
    "add.partitions.to.txn.retry.backoff.max.ms",
    "add.partitions.to.txn.retry.backoff.ms",
    "alter.config.policy.class.name",
    "alter.log.dirs.replication.quota.window.num",
    "alter.log.dirs.replication.quota.window.size.seconds",
    "auto.leader.rebalance.enable",
    "background.threads",
    "broker.heartbeat.interval.ms",
    "broker.session.timeout.ms",
    "client.quota.callback.class",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.zstd.level",
    "connection.failed.authentication.delay.ms",
    "controlled.shutdown.enable",
    "controller.listener.names",
    "controller.performance.always.log.threshold.ms",
    "controller.performance.sample.period.ms",
    "controller.quorum.append.linger.ms",
    "controller.quorum.auto.join.enable",
    "controller.quorum.bootstrap.servers",
    "controller.quorum.election.backoff.max.ms",
    "controller.quorum.election.timeout.ms",
    "controller.quorum.fetch.max.bytes",
    "controller.quorum.fetch.snapshot.max.bytes",
    "controller.quorum.fetch.timeout.ms",
    "controller.quorum.request.timeout.ms",
    "controller.quorum.retry.backoff.ms",
    "controller.quorum.voters",
    "controller.quota.window.num",
    "controller.quota.window.size.seconds",
    "controller.socket.timeout.ms",
    "cordoned.log.dirs",
    "create.topic.policy.class.name",
    "delete.records.purgatory.purge.interval.requests",
    "early.start.listeners",
    "errors.deadletterqueue.auto.create.topics.enable",
    "errors.deadletterqueue.topic.name.prefix",
    "fetch.purgatory.purge.interval.requests",
    "follower.fetch.last.tiered.offset.enable",
    "group.consumer.assignment.interval.ms",
    "group.consumer.assignor.offload.enable",
    "group.consumer.max.assignment.interval.ms",
    "group.consumer.min.assignment.interval.ms",
    "group.consumer.regex.refresh.interval.ms",
    "group.coordinator.append.linger.ms",
    "group.coordinator.background.threads",
    "group.coordinator.cached.buffer.max.bytes",
    "group.coordinator.rebalance.protocols",
    "group.coordinator.threads",
    "group.share.assignment.interval.ms",
    "group.share.assignor.offload.enable",
    "group.share.assignors",
    "group.share.dlq.manager.class.name",
    "group.share.initialize.retry.interval.ms",
    "group.share.max.assignment.interval.ms",
    "group.share.max.delivery.count.limit",
    "group.share.max.heartbeat.interval.ms",
    "group.share.max.partition.max.record.locks",
    "group.share.max.record.lock.duration.ms",
    "group.share.max.session.timeout.ms",
    "group.share.min.assignment.interval.ms",
    "group.share.min.delivery.count.limit",
    "group.share.min.heartbeat.interval.ms",
    "group.share.min.partition.max.record.locks",
    "group.share.min.record.lock.duration.ms",
    "group.share.min.session.timeout.ms",
    "group.share.persister.class.name",
    "group.streams.assignor.offload.enable",
    "group.streams.assignors",
    "group.streams.max.assignment.interval.ms",
    "group.streams.max.heartbeat.interval.ms",
    "group.streams.max.session.timeout.ms",
    "group.streams.max.standby.replicas",
    "group.streams.max.warmup.replicas",
    "group.streams.min.assignment.interval.ms",
    "group.streams.min.heartbeat.interval.ms",
    "group.streams.min.session.timeout.ms",
    "group.streams.min.task.offset.interval.ms",
    "group.streams.num.warmup.replicas",
    "group.streams.topology.description.plugin.class",
    "initial.broker.registration.timeout.ms",
    "internal.metadata.delete.delay.millis",
    "internal.metadata.log.segment.bytes",
    "internal.metadata.max.batch.size.in.bytes",
    "kafka.metrics.polling.interval.secs",
    "kafka.metrics.reporters",
    "leader.imbalance.check.interval.seconds",
    "listener.security.protocol.map",
    "log.cleaner.backoff.ms",
    "log.cleaner.dedupe.buffer.size",
    "log.cleaner.delete.retention.ms",
    "log.cleaner.enable",
    "log.cleaner.io.buffer.load.factor",
    "log.cleaner.io.buffer.size",
    "log.cleaner.io.max.bytes.per.second",
    "log.cleaner.max.compaction.lag.ms",
    "log.cleaner.min.cleanable.ratio",
    "log.cleaner.min.compaction.lag.ms",
    "log.cleaner.threads",
    "log.dir.failure.timeout.ms",
    "log.flush.interval.messages",
    "log.flush.interval.ms",
    "log.flush.offset.checkpoint.interval.ms",
    "log.flush.scheduler.interval.ms",
    "log.flush.start.offset.checkpoint.interval.ms",
    "log.index.interval.bytes",
    "log.index.size.max.bytes",
    "log.initial.task.delay.ms",
    "log.local.retention.bytes",
    "log.local.retention.ms",
    "log.preallocate",
    "log.remote.copy.lag.bytes",
    "log.remote.copy.lag.ms",
    "log.roll.hours",
    "log.roll.jitter.hours",
    "log.roll.jitter.ms",
    "log.roll.ms",
    "log.segment.bytes",
    "log.segment.delete.delay.ms",
    "max.connection.creation.rate",
    "max.connections.per.ip",
    "max.connections.per.ip.overrides",
    "max.request.partition.size.limit",
    "metadata.log.dir",
    "metadata.log.max.record.bytes.between.snapshots",
    "metadata.log.max.snapshot.interval.ms",
    "metadata.log.segment.bytes",
    "metadata.log.segment.ms",
    "metadata.max.idle.interval.ms",
    "metadata.max.retention.bytes",
    "metadata.max.retention.ms",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "num.io.threads",
    "num.network.threads",
    "num.recovery.threads.per.data.dir",
    "num.replica.alter.log.dirs.threads",
    "num.replica.fetchers",
    "offsets.commit.timeout.ms",
    "offsets.load.buffer.size",
    "offsets.topic.compression.codec",
    "offsets.topic.num.partitions",
    "offsets.topic.replication.factor",
    "offsets.topic.segment.bytes",
    "process.roles",
    "producer.purgatory.purge.interval.requests",
    "queued.max.request.bytes",
    "queued.max.requests",
    "remote.fetch.max.wait.ms",
    "remote.list.offsets.request.timeout.ms",
    "remote.log.index.file.cache.total.size.bytes",
    "remote.log.index.file.cache.ttl.ms",
    "remote.log.manager.copier.thread.pool.size",
    "remote.log.manager.copy.max.bytes.per.second",
    "remote.log.manager.copy.quota.window.num",
    "remote.log.manager.copy.quota.window.size.seconds",
    "remote.log.manager.expiration.thread.pool.size",
    "remote.log.manager.fetch.max.bytes.per.second",
    "remote.log.manager.fetch.quota.window.num",
    "remote.log.manager.fetch.quota.window.size.seconds",
    "remote.log.manager.follower.thread.pool.size",
    "remote.log.manager.task.interval.ms",
    "remote.log.manager.task.retry.backoff.max.ms",
    "remote.log.manager.task.retry.backoff.ms",
    "remote.log.manager.task.retry.jitter",
    "remote.log.manager.thread.pool.size",
    "remote.log.metadata.custom.metadata.max.bytes",
    "remote.log.metadata.manager.class.name",
    "remote.log.metadata.manager.class.path",
    "remote.log.metadata.manager.impl.prefix",
    "remote.log.metadata.manager.listener.name",
    "remote.log.reader.max.pending.tasks",
    "remote.log.reader.threads",
    "remote.log.storage.manager.class.name",
    "remote.log.storage.manager.class.path",
    "remote.log.storage.manager.impl.prefix",
    "remote.log.storage.system.enable",
    "replica.fetch.backoff.ms",
    "replica.fetch.max.bytes",
    "replica.fetch.min.bytes",
    "replica.fetch.response.max.bytes",
    "replica.fetch.wait.max.ms",
    "replica.high.watermark.checkpoint.interval.ms",
    "replica.lag.time.max.ms",
    "replica.selector.class",
    "replica.socket.receive.buffer.bytes",
    "replica.socket.timeout.ms",
    "replication.quota.window.num",
    "replication.quota.window.size.seconds",
    "request.timeout.ms",
    "security.inter.broker.protocol",
    "server.max.startup.time.ms",
    "share.coordinator.append.linger.ms",
    "share.coordinator.cached.buffer.max.bytes",
    "share.coordinator.cold.partition.snapshot.interval.ms",
    "share.coordinator.load.buffer.size",
    "share.coordinator.snapshot.update.records.per.snapshot",
    "share.coordinator.state.topic.compression.codec",
    "share.coordinator.state.topic.min.isr",
    "share.coordinator.state.topic.num.partitions",
    "share.coordinator.state.topic.prune.interval.ms",
    "share.coordinator.state.topic.replication.factor",
    "share.coordinator.state.topic.segment.bytes",
    "share.coordinator.threads",
    "share.coordinator.write.timeout.ms",
    "share.fetch.purgatory.purge.interval.requests",
    "socket.connection.setup.timeout.max.ms",
    "socket.connection.setup.timeout.ms",
    "socket.listen.backlog.size",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms",
    "transaction.max.timeout.ms",
    "transaction.partition.verification.enable",
    "transaction.remove.expired.transaction.cleanup.interval.ms",
    "transaction.state.log.load.buffer.size",
    "transaction.state.log.min.isr",
    "transaction.state.log.num.partitions",
    "transaction.state.log.replication.factor",
    "transaction.state.log.segment.bytes",
    "transaction.two.phase.commit.enable",
    "transactional.id.expiration.ms",
    "unclean.leader.election.enable",
    "unclean.leader.election.interval.ms",
    "unstable.api.versions.enable",
    "unstable.feature.versions.enable",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_not_ours() {
        for names in [KAFKA_NAMES, REMOVED_NAMES, SECURITY_NAMES] {
            assert!(names.is_sorted());
            assert!(names.iter().all(|name| super::super::broker_keys::find(name).is_none()));
        }
    }

    #[test]
    fn security_is_never_meaningless() {
        for name in [
            "ssl.keystore.location",
            "sasl.enabled.mechanisms",
            "authorizer.class.name",
            "super.users",
            "delegation.token.secret.key",
            "listener.name.internal.ssl.keystore.location",
            "listener.name.internal.plain.sasl.jaas.config",
            "listener.name.internal.scram-sha-256.sasl.jaas.config",
        ] {
            assert_eq!(classify(name), Foreign::Security, "{name}");
        }
        for name in
            ["process.roles", "num.io.threads", "zookeeper.connect", "rsm.config.s3.bucket", "log.segment.bytes"]
        {
            assert!(matches!(classify(name), Foreign::Meaningless(_)), "{name}");
        }
        assert_eq!(classify("listener.name.internal.max.connections"), Foreign::Meaningless("listener.name."));
        assert_eq!(classify("log.retension.ms"), Foreign::Unknown);
        assert_eq!(classify("listener.name.internal.max.connexions"), Foreign::Unknown);
    }
}
