//! The page of `/metrics`: numbers gathered under the names of the [`table`](super::table), and written down.

use std::collections::BTreeMap;
use std::fmt;

use apus_core::counters::{BOUNDS_MICROS, Histogram};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::table::{self, Kind, METRICS};

/// The content type of the page: OpenMetrics, which Prometheus asks for first and which its older format's readers
/// understand.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(&'static str, String)>;

#[derive(Clone, Debug)]
enum Value {
    Whole(u64),
    Signed(i64),
    Real(f64),
    Times(Times),
}

/// Times by how long they were: bounds in seconds with how many were below each and above the one before.
#[derive(Clone, Debug, Default)]
pub struct Times {
    /// Seconds, all together.
    pub sum: f64,
    /// The last bound is infinite.
    pub buckets: Vec<(f64, u64)>,
}

impl From<&Histogram> for Times {
    fn from(histogram: &Histogram) -> Times {
        let bounds = BOUNDS_MICROS.iter().map(|micros| *micros as f64 / 1e6).chain([f64::INFINITY]);
        let buckets = bounds.zip(histogram.buckets().iter().copied()).collect();
        Times { sum: histogram.sum().as_secs_f64(), buckets }
    }
}

/// A page being gathered.
#[derive(Debug, Default)]
pub struct Page {
    samples: BTreeMap<&'static str, Vec<(Labels, Value)>>,
}

impl Page {
    /// A number that only grows, or goes up and down.
    pub fn number(&mut self, name: &str, labels: &[(&'static str, &str)], value: u64) {
        self.add(name, labels, Value::Whole(value));
    }

    /// One that may be below zero.
    pub fn signed(&mut self, name: &str, labels: &[(&'static str, &str)], value: i64) {
        self.add(name, labels, Value::Signed(value));
    }

    /// One with a fraction.
    pub fn real(&mut self, name: &str, labels: &[(&'static str, &str)], value: f64) {
        self.add(name, labels, Value::Real(value));
    }

    /// Yes or no.
    pub fn flag(&mut self, name: &str, value: bool) {
        self.number(name, &[], u64::from(value));
    }

    /// Times.
    pub fn times(&mut self, name: &str, labels: &[(&'static str, &str)], times: Times) {
        self.add(name, labels, Value::Times(times));
    }

    fn add(&mut self, name: &str, labels: &[(&'static str, &str)], value: Value) {
        let metric = table::find(name);
        assert!(labels.iter().map(|(label, _)| label).eq(metric.labels), "{name} has other labels");
        assert!((metric.kind == Kind::Histogram) == matches!(value, Value::Times(_)), "{name} is of another kind");
        let labels = labels.iter().map(|(label, value)| (*label, (*value).to_owned())).collect();
        self.samples.entry(metric.name).or_default().push((labels, value));
    }

    /// The names that have a number.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.samples.keys().copied()
    }

    /// Writes it down.
    #[must_use]
    pub fn text(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        text::encode(&mut text, &registry).expect("a string takes what is written to it");
        text
    }
}

impl Collector for Page {
    /// Every row of the table is there, also one without a number yet.
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for metric in METRICS {
            let kind = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
            };
            let mut row = encoder.encode_descriptor(metric.name, metric.help, None, kind)?;
            for (labels, value) in self.samples.get(metric.name).into_iter().flatten() {
                if labels.is_empty() {
                    write(&mut row, metric.kind, value)?;
                } else {
                    write(&mut row.encode_family(labels)?, metric.kind, value)?;
                }
            }
        }
        Ok(())
    }
}

fn write(row: &mut MetricEncoder<'_>, kind: Kind, value: &Value) -> Result<(), fmt::Error> {
    match (kind, value) {
        (Kind::Counter, Value::Whole(value)) => row.encode_counter::<NoLabelSet, _, u64>(value, None),
        (Kind::Counter, Value::Real(value)) => row.encode_counter::<NoLabelSet, _, u64>(value, None),
        (_, Value::Whole(value)) => row.encode_gauge(value),
        (_, Value::Signed(value)) => row.encode_gauge(value),
        (_, Value::Real(value)) => row.encode_gauge(value),
        (_, Value::Times(Times { sum, buckets })) => {
            let count = buckets.iter().map(|(_, count)| count).sum();
            row.encode_histogram::<NoLabelSet>(*sum, count, buckets, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn numbers_are_written_as_prometheus_reads_them() {
        let mut page = Page::default();
        page.number("apus_flushes", &[("home", "journal")], 3);
        page.signed("kafka_consumergroup_lag", &[("consumergroup", "a\"b"), ("topic", "t"), ("partition", "0")], -1);
        page.real("apus_store_estimated_dollars", &[], 0.5);
        let mut histogram = Histogram::default();
        histogram.record(Duration::from_micros(150));
        histogram.record(Duration::from_secs(60));
        page.times("apus_journal_write_seconds", &[], Times::from(&histogram));
        let text = page.text();
        for line in [
            "# TYPE apus_flushes counter",
            "apus_flushes_total{home=\"journal\"} 3",
            "kafka_consumergroup_lag{consumergroup=\"a\\\"b\",topic=\"t\",partition=\"0\"} -1",
            "apus_store_estimated_dollars_total 0.5",
            "apus_journal_write_seconds_bucket{le=\"0.0001\"} 0",
            "apus_journal_write_seconds_bucket{le=\"0.0002\"} 1",
            "apus_journal_write_seconds_bucket{le=\"30.0\"} 1",
            "apus_journal_write_seconds_bucket{le=\"+Inf\"} 2",
            "apus_journal_write_seconds_count 2",
            "# TYPE apus_hot_bytes gauge",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    #[should_panic(expected = "has other labels")]
    fn a_series_has_the_labels_of_its_row() {
        Page::default().number("apus_flushes", &[("core", "0")], 1);
    }
}
