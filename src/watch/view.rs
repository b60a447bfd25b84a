//! A scrape: what all cores, the store plane and the kernel say, put under its names.

use apus_core::counters::{Counters, Histogram};
use apus_core::limits;
use apus_net::wire::keys;
use apus_store::counters::{FAILURES, LATENCY_MS, OperationCounters, StoreCounters};
use apus_store::retry::Operation;

use super::bill;
use super::page::{Page, Times};
use super::process::Process;
use super::report::Report;

/// Everything that a scrape knows.
pub struct View<'a> {
    /// The cores, by number; nothing for one that did not answer in time.
    pub cores: &'a [Option<Box<Report>>],
    /// The store plane.
    pub store: &'a StoreCounters,
    /// Bytes of blocks that the cache holds in memory.
    pub cached_bytes: u64,
    /// The process.
    pub process: Process,
    /// Clients are served.
    pub is_serving: bool,
    /// The journal takes writes.
    pub is_writable: bool,
}

impl View<'_> {
    /// The page of it.
    #[must_use]
    pub fn page(&self) -> Page {
        let mut page = Page::default();
        let reports = || self.cores.iter().flatten();
        let sum = |count: fn(&Counters) -> u64| reports().map(|report| count(&report.count)).sum::<u64>();
        for (name, count) in COUNTERS {
            page.number(name, &[], sum(*count));
        }
        for (name, label, value, count) in LABELLED {
            page.number(name, &[(label, value)], sum(*count));
        }
        for (name, phase, times) in TIMES {
            let mut merged = Histogram::default();
            reports().for_each(|report| merged.merge(times(&report.count)));
            let labels = phase.map(|phase| ("phase", phase));
            page.times(name, labels.as_slice(), Times::from(&merged));
        }
        self.requests(&mut page);
        self.cores(&mut page);
        self.core_zero(&mut page);
        self.clients(&mut page);
        self.store(&mut page);
        self.process(&mut page);
        page
    }

    fn requests(&self, page: &mut Page) {
        for served in keys::SERVED {
            let (key, request) = (served.key.code(), format!("{:?}", served.key));
            let labels = [("request", request.as_str())];
            let (mut requests, mut time) = (0, Histogram::default());
            for report in self.cores.iter().flatten() {
                let api = &report.count.apis[usize::try_from(key).expect("keys are not negative")];
                requests += api.requests;
                time.merge(&api.time);
            }
            page.number("kafka_network_requestmetrics_requests", &labels, requests);
            if requests > 0 {
                page.times("kafka_network_requestmetrics_totaltime_seconds", &labels, Times::from(&time));
            }
            let mut errors = std::collections::BTreeMap::new();
            for report in self.cores.iter().flatten() {
                for ((_, refusal), count) in report.count.refusals.iter().filter(|((api, _), _)| *api == key) {
                    *errors.entry(*refusal).or_insert(0) += count;
                }
            }
            for (refusal, count) in errors {
                let error = kafka_name(&format!("{refusal:?}"));
                let labels = [("request", request.as_str()), ("error", &error)];
                page.number("kafka_network_requestmetrics_errors", &labels, count);
            }
        }
    }

    fn cores(&self, page: &mut Page) {
        for (index, report) in self.cores.iter().enumerate() {
            let core = index.to_string();
            let labels = [("core", core.as_str())];
            page.number("apus_core_silent", &labels, u64::from(report.is_none()));
            let Some(report) = report else { continue };
            for (name, gauge) in BY_CORE {
                page.number(name, &labels, gauge(report));
            }
            for (state, requests) in [("asked", report.shell.store_asked), ("waiting", report.shell.store_waiting)] {
                page.number("apus_core_store_requests", &[("core", &core), ("state", state)], requests);
            }
        }
    }

    /// What core 0 alone has, and what all cores have alike.
    fn core_zero(&self, page: &mut Page) {
        let Some(report) = self.cores.first().and_then(Option::as_ref) else { return };
        page.number("apus_hot_packs", &[], report.node.front.hot_packs);
        page.number("apus_hot_bytes", &[], report.node.front.hot_bytes);
        page.flag("apus_journal_writable", self.is_writable);
        for used in &report.node.quotas {
            let (user, client_id) = (used.meter.user.as_deref(), used.meter.client_id.as_deref());
            let labels = [("user", user.unwrap_or_default()), ("client_id", client_id.unwrap_or_default())];
            let labels = [("quota", used.meter.key.name()), labels[0], labels[1]];
            page.real("apus_quota_used", &labels, used.total);
        }
        if let Some(packer) = &report.node.packer {
            page.number("apus_packer_open_requests", &[], packer.open_requests);
            page.number("apus_packer_open_bytes", &[], packer.open_bytes);
            page.number("apus_packer_flushes", &[], packer.flushes);
            page.number("apus_packer_uploads", &[], packer.uploads);
            page.number("apus_packer_held_bytes", &[], packer.held_bytes);
        }
        let Some(coordinator) = &report.node.coordinator else { return };
        page.number("apus_journal_disk_bytes", &[], coordinator.journal_bytes);
        page.number("apus_journal_disk_bytes_max", &[], coordinator.journal_bytes_max);
        let pressure = &coordinator.pressure;
        for (kind, count, max) in [
            ("extents", pressure.extents, limits::EXTENTS_MAX),
            ("producers", pressure.producers, limits::PRODUCERS_MAX),
            ("partitions", pressure.partitions, limits::PARTITIONS_MAX),
            ("group_offsets", pressure.group_offsets, limits::GROUP_OFFSETS_MAX),
        ] {
            page.number("apus_ledger_entries", &[("kind", kind)], count);
            page.number("apus_ledger_entries_max", &[("kind", kind)], max);
        }
        page.number("kafka_controller_kafkacontroller_globaltopiccount", &[], coordinator.topics);
        page.number("kafka_controller_kafkacontroller_globalpartitioncount", &[], pressure.partitions);
        for (state, count) in &coordinator.groups {
            page.number("kafka_coordinator_group_groupmetadatamanager_numgroups", &[("state", state)], *count);
        }
        for lag in &coordinator.lags {
            let partition = lag.partition.to_string();
            let labels = [("consumergroup", &*lag.group), ("topic", &*lag.topic), ("partition", &partition)];
            page.signed("kafka_consumergroup_current_offset", &labels, lag.offset);
            page.signed("kafka_consumergroup_lag", &labels, lag.lag);
        }
    }

    /// What clients said of themselves.
    fn clients(&self, page: &mut Page) {
        let mut all_dropped = 0;
        for (index, report) in self.cores.iter().enumerate() {
            let Some(report) = report else { continue };
            let (metrics, (known, dropped)) = &report.node.client_metrics;
            all_dropped += dropped;
            let core = index.to_string();
            page.number("kafka_server_clientmetrics_clientmetricsinstancecount", &[("core", &core)], *known);
            for metric in metrics {
                let id = metric.instance.base64();
                let who = [("client_instance_id", id.as_str()), ("client_id", &*metric.client_id)];
                let what = [("metric", &*metric.name), ("attributes", &*metric.attributes)];
                page.real("kafka_client_metric", &[who[0], who[1], what[0], what[1]], metric.value);
            }
        }
        page.number("apus_client_metrics_dropped", &[], all_dropped);
    }

    fn store(&self, page: &mut Page) {
        for operation in Operation::ALL {
            let (name, counters) = (operation.name(), self.store.operation(operation));
            let labels = [("operation", name)];
            page.number("apus_store_requests", &labels, counters.requests.get());
            page.number("apus_store_attempts", &labels, counters.attempts.get());
            page.number("apus_store_bytes", &labels, counters.bytes.get());
            page.times("apus_store_request_seconds", &labels, latency(counters));
            for (kind, count) in FAILURES.iter().zip(&counters.failures) {
                page.number("apus_store_errors", &[("operation", name), ("kind", kind)], count.get());
            }
        }
        let store = self.store;
        page.number("apus_store_slow_downs", &[], store.slow_downs.get());
        page.number("apus_store_hedges", &[("outcome", "sent")], store.hedges_sent.get());
        page.number("apus_store_hedges", &[("outcome", "won")], store.hedges_won.get());
        page.real("apus_store_estimated_dollars", &[], bill::dollars(store));
        page.number("apus_cache_blocks", &[("from", "memory")], store.blocks_from_memory.get());
        page.number("apus_cache_blocks", &[("from", "disk")], store.blocks_from_disk.get());
        page.number("apus_cache_blocks", &[("from", "store")], store.blocks_missed.get());
        page.number("apus_cache_blocks_corrupt", &[], store.blocks_corrupt.get());
        page.number("apus_cache_memory_bytes", &[], self.cached_bytes);
    }

    fn process(&self, page: &mut Page) {
        page.number("apus_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        page.flag("apus_serving", self.is_serving);
        page.real("process_cpu_seconds", &[], self.process.cpu_seconds);
        page.number("process_resident_memory_bytes", &[], self.process.resident_bytes);
        page.number("process_open_fds", &[], self.process.descriptors);
        page.number("process_threads", &[], self.process.threads);
    }
}

type Count = fn(&Counters) -> u64;
/// A name, its label and the label's value.
type Labelled = (&'static str, &'static str, &'static str, Count);
/// A name, and the phase where it has several.
type Phase = (&'static str, Option<&'static str>, Took);
type Took = fn(&Counters) -> &Histogram;
/// A name, and how a core stands.
type Gauge = (&'static str, fn(&Report) -> u64);

/// Sums over all cores.
const COUNTERS: &[(&str, Count)] = &[
    ("kafka_server_brokertopicmetrics_bytesin", |count| count.produce_bytes),
    ("kafka_server_brokertopicmetrics_bytesout", |count| count.fetch_bytes),
    ("kafka_server_brokertopicmetrics_messagesin", |count| count.produce_records),
    ("kafka_server_brokertopicmetrics_totalproducerequests", |count| count.produce_requests),
    ("kafka_server_brokertopicmetrics_totalfetchrequests", |count| count.fetch_requests),
    ("kafka_server_socketservermetrics_connection_creation", |count| count.connections_opened),
    ("kafka_server_socketservermetrics_connection_close", |count| count.connections_closed),
    ("apus_requests_refused", |count| count.requests_refused),
    ("apus_requests_throttled", |count| count.throttled_requests),
    ("apus_produce_batches", |count| count.produce_batches),
    ("apus_flushes_failed", |count| count.flushes_failed),
    ("apus_flush_bytes", |count| count.flush_bytes),
    ("apus_fetch_looks", |count| count.fetch_looks),
    ("apus_fetch_hot_extents", |count| count.fetch_hot_extents),
    ("apus_fetch_cold_blocks", |count| count.fetch_cold_blocks),
    ("apus_journal_groups", |count| count.journal_groups),
    ("apus_journal_bytes", |count| count.journal_bytes),
    ("apus_journal_commands", |count| count.commands),
    ("apus_snapshots", |count| count.snapshots),
    ("apus_spills", |count| count.spills),
];

/// Sums over all cores, with a label.
const LABELLED: &[Labelled] = &[
    ("apus_flushes", "home", "journal", |count| count.flushes_inline),
    ("apus_flushes", "home", "pack", |count| count.flushes_pack),
    ("apus_objects_deleted", "why", "dead", |count| count.objects_deleted),
    ("apus_objects_deleted", "why", "orphan", |count| count.orphans_deleted),
];

/// Times of all cores.
const TIMES: &[Phase] = &[
    ("apus_produce_phase_seconds", Some("gather"), |count| &count.produce.gather),
    ("apus_produce_phase_seconds", Some("upload"), |count| &count.produce.upload),
    ("apus_produce_phase_seconds", Some("commit"), |count| &count.produce.commit),
    ("apus_produce_phase_seconds", Some("whole"), |count| &count.produce.whole),
    ("apus_fetch_phase_seconds", Some("park"), |count| &count.fetch.park),
    ("apus_fetch_phase_seconds", Some("locate"), |count| &count.fetch.locate),
    ("apus_fetch_phase_seconds", Some("read"), |count| &count.fetch.read),
    ("apus_fetch_phase_seconds", Some("whole"), |count| &count.fetch.whole),
    ("apus_journal_write_seconds", None, |count| &count.journal_write),
];

/// How each core stands.
const BY_CORE: &[Gauge] = &[
    ("kafka_server_socketservermetrics_connection_count", |report| report.node.connections),
    ("apus_replies_unread_bytes", |report| report.node.unread_bytes),
    ("apus_produce_inflight_requests", |report| report.node.front.produces),
    ("apus_produce_inflight_bytes", |report| report.node.front.inflight_bytes),
    ("apus_fetch_parked", |report| report.node.front.fetches_parked),
    ("apus_fetch_reading", |report| report.node.front.fetches_reading),
    ("apus_fetch_sessions", |report| report.node.front.fetch_sessions),
    ("apus_fetch_cold_blocks_under_way", |report| report.node.front.cold_blocks),
    ("apus_core_inbox_messages", |report| report.shell.inbox_messages),
    ("apus_core_outgoing_messages", |report| report.shell.outgoing_messages),
];

fn latency(counters: &OperationCounters) -> Times {
    let bounds = LATENCY_MS.iter().map(|bound| *bound as f64 / 1e3).chain([f64::INFINITY]);
    let buckets = bounds.zip(counters.latency.iter().map(apus_store::counters::Count::get)).collect();
    Times { sum: counters.latency_micros.get() as f64 / 1e6, buckets }
}

/// `RequestTimedOut` as Kafka writes it: `REQUEST_TIMED_OUT`.
fn kafka_name(name: &str) -> String {
    let mut written = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !written.is_empty() {
            written.push('_');
        }
        written.push(letter.to_ascii_uppercase());
    }
    written
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use apus_coordinator::ledger::Ledger;
    use apus_coordinator::machine::{CoordinatorGauges, GroupLag};
    use apus_core::error::Refusal;
    use apus_core::ids::Uuid;
    use apus_core::packer::PackerGauges;
    use apus_core::quota::{MeterKey, QuotaKey, QuotaUse};
    use apus_core::telemetry::ClientMetric;

    use super::super::table::METRICS;
    use super::*;

    fn report() -> Box<Report> {
        let mut report = Box::<Report>::default();
        report.count.produce_bytes = 5;
        report.count.begun(0);
        report.count.refused(0, Refusal::RequestTimedOut);
        report.node.packer = Some(PackerGauges::default());
        let meter = MeterKey { key: QuotaKey::ProducerByteRate, user: None, client_id: Some("c".into()) };
        let metric = ClientMetric {
            instance: Uuid([1; 16]),
            client_id: "c".into(),
            name: "org.apache.kafka.a".into(),
            attributes: "topic=t".into(),
            value: 1.5,
        };
        report.node.client_metrics = (vec![metric], (1, 0));
        report.node.quotas = vec![QuotaUse { meter, total: 2.5 }];
        report.node.coordinator = Some(CoordinatorGauges {
            journal_bytes: 4,
            journal_bytes_max: 8,
            topics: 1,
            pressure: Ledger::new().pressure(),
            groups: [("Stable", 1)].into(),
            lags: vec![GroupLag { group: "g".into(), topic: "t".into(), partition: 0, offset: 3, lag: 2 }],
        });
        report
    }

    #[test]
    fn every_row_of_the_table_has_its_number() {
        let store = StoreCounters::default();
        let cores = [Some(report()), Some(report()), None];
        let process = Process::default();
        let (is_serving, is_writable) = (true, true);
        let page = View { cores: &cores, store: &store, cached_bytes: 1, process, is_serving, is_writable }.page();
        let names: BTreeSet<&str> = page.names().collect();
        let table: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names, table);
        let text = page.text();
        for line in [
            "kafka_server_brokertopicmetrics_bytesin_total 10",
            "kafka_network_requestmetrics_errors_total{request=\"Produce\",error=\"REQUEST_TIMED_OUT\"} 2",
            "apus_core_silent{core=\"2\"} 1",
            "apus_quota_used_total{quota=\"producer_byte_rate\",user=\"\",client_id=\"c\"} 2.5",
            "kafka_consumergroup_lag{consumergroup=\"g\",topic=\"t\",partition=\"0\"} 2",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn errors_have_kafkas_names() {
        assert_eq!(kafka_name("UnknownTopicOrPartition"), "UNKNOWN_TOPIC_OR_PARTITION");
        assert_eq!(kafka_name("InvalidTopicException"), "INVALID_TOPIC_EXCEPTION");
    }
}
