//! The names under which numbers are exported: the one table of them. `docs/metrics.md` is its other half, for people.
//!
//! What Kafka counts too has the name that Kafka's own has behind the usual exporter of its beans, in lower case, so that
//! a dashboard finds it; what only Apus has begins with `apus_`.

/// What kind of number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, until the process ends; its name is exported with `_total`.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Times by how long they were, in seconds; exported with `_bucket`, `_sum` and `_count`.
    Histogram,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name, without what its kind appends.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// The labels of each of its series.
    pub labels: &'static [&'static str],
    /// What it says, in a sentence.
    pub help: &'static str,
}

impl Metric {
    /// The name by which a counter or a gauge is asked for; of a histogram, the part that its series share.
    #[must_use]
    pub fn exported(&self) -> String {
        match self.kind {
            Kind::Counter => format!("{}_total", self.name),
            Kind::Gauge | Kind::Histogram => self.name.to_owned(),
        }
    }
}

/// The row of this name.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn find(name: &str) -> &'static Metric {
    METRICS.iter().find(|metric| metric.name == name).unwrap_or_else(|| panic!("{name} is not in the table"))
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, help }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram, labels, help }
}

/// All of them, in the order in which they are exported.
#[rustfmt::skip] // A row a line.
pub const METRICS: &[Metric] = &[
    // Traffic.
    counter("kafka_server_brokertopicmetrics_bytesin", &[], "Bytes of record batches that were admitted."),
    counter("kafka_server_brokertopicmetrics_bytesout", &[], "Bytes of record batches that consumers were sent."),
    counter("kafka_server_brokertopicmetrics_messagesin", &[], "Records that were admitted."),
    counter("kafka_server_brokertopicmetrics_totalproducerequests", &[], "Produce requests."),
    counter("kafka_server_brokertopicmetrics_totalfetchrequests", &[], "Fetch requests."),
    // Requests and connections.
    counter("kafka_network_requestmetrics_requests", &["request"], "Requests that were understood, by API."),
    counter("kafka_network_requestmetrics_errors", &["request", "error"], "Errors in answers, by API and Kafka's name of the error; of many partitions, one each."),
    histogram("kafka_network_requestmetrics_totaltime_seconds", &["request"], "From a request's last byte to its answer, by API."),
    counter("apus_requests_refused", &[], "Frames that were no request, or one that is not served; the connection was closed, unless ApiVersions could say so."),
    counter("apus_requests_throttled", &[], "Requests whose clients were told to rest, because they used too much of a quota."),
    counter("apus_quota_used", &["quota", "user", "client_id"], "What clients with quotas used of them, of the first thousand: bytes, or hundredths of a second of a core."),
    counter("kafka_server_socketservermetrics_connection_creation", &[], "Connections that were accepted."),
    counter("kafka_server_socketservermetrics_connection_close", &[], "Connections that ended."),
    gauge("kafka_server_socketservermetrics_connection_count", &["core"], "Connections."),
    gauge("apus_replies_unread_bytes", &["core"], "Bytes of replies that clients have not read."),
    // Produce.
    histogram("apus_produce_phase_seconds", &["phase"], "The phases of a produce: gather, upload, commit, and whole."),
    counter("apus_produce_batches", &[], "Record batches that were admitted."),
    gauge("apus_produce_inflight_requests", &["core"], "Produce requests without an outcome."),
    gauge("apus_produce_inflight_bytes", &["core"], "Their bytes; at a core's part of diskless.inflight.bytes, connections wait."),
    gauge("apus_packer_open_requests", &[], "Requests in the open pack."),
    gauge("apus_packer_open_bytes", &[], "Their bytes."),
    gauge("apus_packer_flushes", &[], "Flushes that are under way."),
    gauge("apus_packer_uploads", &[], "Of these, uploads that the store has not answered for."),
    gauge("apus_packer_held_bytes", &[], "Bytes whose only home is the journal until a spill."),
    counter("apus_flushes", &["home"], "Flushes: into the journal, or as a pack of their own."),
    counter("apus_flushes_failed", &[], "Flushes whose producers were told to try again."),
    counter("apus_flush_bytes", &[], "Bytes of all flushes."),
    // Fetch.
    histogram("apus_fetch_phase_seconds", &["phase"], "The phases of a fetch: park, locate, read, and whole."),
    gauge("apus_fetch_parked", &["core"], "Fetches that wait for bytes to come."),
    gauge("apus_fetch_reading", &["core"], "Fetches whose bytes are being located or read."),
    gauge("apus_fetch_sessions", &["core"], "Fetch sessions."),
    counter("apus_fetch_looks", &[], "Partitions that a fetch looked at to see whether it can be answered."),
    counter("apus_fetch_hot_extents", &[], "Extents that were answered from the hot tier."),
    counter("apus_fetch_cold_blocks", &[], "Blocks that had to be asked of cache or store."),
    gauge("apus_fetch_cold_blocks_under_way", &["core"], "Blocks that are on their way."),
    // Memory and queues.
    gauge("apus_hot_packs", &[], "Packs in the hot tier."),
    gauge("apus_hot_bytes", &[], "Their bytes; at most diskless.hot.memory.bytes."),
    gauge("apus_core_inbox_messages", &["core"], "Messages that wait in a core's inbox."),
    gauge("apus_core_outgoing_messages", &["core"], "Messages of a core that found no room in another one's inbox."),
    gauge("apus_core_store_requests", &["core", "state"], "A core's requests that the store plane has, and those that wait for it."),
    // Cache and store.
    counter("apus_cache_blocks", &["from"], "Blocks by where they came from: memory, disk, or the store."),
    counter("apus_cache_blocks_corrupt", &[], "Blocks on the cache's disk that were not what had been written."),
    gauge("apus_cache_memory_bytes", &[], "Bytes of blocks in memory."),
    counter("apus_store_requests", &["operation"], "Requests to the object store that ended, well or badly."),
    counter("apus_store_attempts", &["operation"], "What the store saw of them, repetitions and hedges included."),
    counter("apus_store_bytes", &["operation"], "Bytes of those that ended well."),
    counter("apus_store_errors", &["operation", "kind"], "Those that ended badly, by what is known of the outcome."),
    histogram("apus_store_request_seconds", &["operation"], "How long they took, repetitions included."),
    counter("apus_store_slow_downs", &[], "Answers of the store that asked for fewer requests."),
    counter("apus_store_hedges", &["outcome"], "Second copies of slow uploads: all that were sent, and those that came first."),
    counter("apus_store_estimated_dollars", &[], "What the attempts would be billed by Amazon's list prices; storage and traffic are not in it."),
    // Journal and ledger.
    counter("apus_journal_groups", &[], "Groups that were written to the journal: one durable write each."),
    counter("apus_journal_bytes", &[], "Bytes of these groups."),
    counter("apus_journal_commands", &[], "Commands in them."),
    histogram("apus_journal_write_seconds", &[], "How long a group took to be durable."),
    gauge("apus_journal_disk_bytes", &[], "Bytes of the journal's segments."),
    gauge("apus_journal_disk_bytes_max", &[], "What they may come to; then writes are refused."),
    gauge("apus_journal_writable", &[], "1 where a client's write finds room in the journal, else 0."),
    gauge("apus_ledger_entries", &["kind"], "What the ledger holds: extents, producers, partitions, committed offsets of groups."),
    gauge("apus_ledger_entries_max", &["kind"], "How many it may hold; from nine tenths on producers are slowed down, at the limit they are refused."),
    counter("apus_snapshots", &[], "Snapshots of the ledger that were published."),
    counter("apus_spills", &[], "Spills: bytes that moved from the journal into packs."),
    counter("apus_objects_deleted", &["why"], "Objects deleted: dead, because no record lives in them, or orphans, which were never committed."),
    gauge("kafka_controller_kafkacontroller_globaltopiccount", &[], "Topics."),
    gauge("kafka_controller_kafkacontroller_globalpartitioncount", &[], "Partitions."),
    // Groups.
    gauge("kafka_coordinator_group_groupmetadatamanager_numgroups", &["state"], "Consumer groups by state."),
    gauge("kafka_consumergroup_current_offset", &["consumergroup", "topic", "partition"], "A committed offset; of the first thousand by group."),
    gauge("kafka_consumergroup_lag", &["consumergroup", "topic", "partition"], "Records between it and the end of the partition."),
    // Clients of their own.
    gauge("kafka_client_metric", &["client_instance_id", "client_id", "metric", "attributes"], "A number that a client pushed last; sums of clients that push deltas are summed up."),
    gauge("kafka_server_clientmetrics_clientmetricsinstancecount", &["core"], "Clients that were heard of their metrics lately."),
    counter("apus_client_metrics_dropped", &[], "Numbers of clients that found no room."),
    // The process.
    gauge("apus_build_info", &["version"], "Always 1."),
    gauge("apus_serving", &[], "1 where the broker serves clients, else 0: it recovers, or it stops."),
    gauge("apus_core_silent", &["core"], "1 where a core did not answer this scrape in time, else 0; its numbers are missing."),
    counter("process_cpu_seconds", &[], "Processor time, user and system."),
    gauge("process_resident_memory_bytes", &[], "Memory."),
    gauge("process_open_fds", &[], "Open file descriptors."),
    gauge("process_threads", &[], "Threads."),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_is_sound() {
        let mut names = BTreeSet::new();
        for metric in METRICS {
            assert!(names.insert(metric.name), "{} is there twice", metric.name);
            assert!(metric.help.ends_with('.'), "{}", metric.name);
            let letter = |letter: char| letter.is_ascii_lowercase() || letter == '_';
            assert!(metric.name.chars().all(letter), "{}", metric.name);
            assert!(!metric.name.ends_with("_total"), "{}: its kind appends that", metric.name);
            assert_eq!(
                metric.kind == Kind::Histogram,
                metric.name.ends_with("_seconds") && metric.name != "process_cpu_seconds"
            );
        }
    }

    /// Rows of `docs/metrics.md`: `| name | kind | labels | meaning |`, the name in backquotes.
    #[test]
    fn the_documented_table_is_this_one() {
        let document = include_str!("../../docs/metrics.md");
        let rows = document.lines().filter(|line| line.starts_with("| `"));
        let documented: Vec<Vec<String>> = rows
            .map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect())
            .collect();
        let wanted: Vec<Vec<String>> = METRICS
            .iter()
            .map(|metric| {
                let kind = format!("{:?}", metric.kind).to_lowercase();
                vec![metric.exported(), kind, metric.labels.join(", "), metric.help.to_owned()]
            })
            .collect();
        for (documented, wanted) in documented.iter().zip(&wanted) {
            assert_eq!(documented, wanted);
        }
        assert_eq!(documented.len(), wanted.len());
    }
}
