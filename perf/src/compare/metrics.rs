//! What Apus tells of itself, as far as the table shows it.

use std::net::SocketAddr;

use crate::systems::http;

/// Counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Metrics {
    /// Bytes of batches that were admitted.
    pub bytes_in: f64,
    /// Bytes of batches that consumers were sent.
    pub bytes_out: f64,
    /// Uploads that the store saw.
    pub puts: f64,
    /// Reads that it saw.
    pub gets: f64,
    /// Listings that it saw.
    pub lists: f64,
    /// Second copies of slow uploads.
    pub hedges: f64,
    /// Groups of the journal.
    pub groups: f64,
}

impl Metrics {
    /// Asks a broker.
    pub fn read(address: SocketAddr) -> Result<Metrics, String> {
        let text = http::get(address, "/metrics")?;
        let metrics = Metrics::parse(&text);
        metrics.ok_or_else(|| format!("http://{address}/metrics lacks a counter that the table needs"))
    }

    fn parse(text: &str) -> Option<Metrics> {
        let value = |name: &str| {
            let mut values = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            values.next()?.trim().parse::<f64>().ok()
        };
        let attempts = |operation: &str| value(&format!("apus_store_attempts_total{{operation=\"{operation}\"}}"));
        Some(Metrics {
            bytes_in: value("kafka_server_brokertopicmetrics_bytesin_total")?,
            bytes_out: value("kafka_server_brokertopicmetrics_bytesout_total")?,
            puts: attempts("put")? + attempts("put_conditional")?,
            gets: attempts("get")?,
            lists: attempts("list")?,
            hedges: value("apus_store_hedges_total{outcome=\"sent\"}")?,
            groups: value("apus_journal_groups_total")?,
        })
    }

    /// What came between two moments.
    #[must_use]
    pub fn since(self, before: Metrics) -> Metrics {
        Metrics {
            bytes_in: self.bytes_in - before.bytes_in,
            bytes_out: self.bytes_out - before.bytes_out,
            puts: self.puts - before.puts,
            gets: self.gets - before.gets,
            lists: self.lists - before.lists,
            hedges: self.hedges - before.hedges,
            groups: self.groups - before.groups,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_by_their_whole_name() {
        let text = "kafka_server_brokertopicmetrics_bytesin_total 10\nkafka_server_brokertopicmetrics_bytesout_total 4\n\
                    apus_store_attempts_total{operation=\"put\"} 3\n\
                    apus_store_attempts_total{operation=\"put_conditional\"} 2\n\
                    apus_store_attempts_total{operation=\"get\"} 7\napus_store_attempts_total{operation=\"list\"} 1\n\
                    apus_store_hedges_total{outcome=\"sent\"} 1\napus_journal_groups_total 9\n# EOF\n";
        let metrics = Metrics::parse(text).expect("all of them");
        assert_eq!((metrics.puts, metrics.gets, metrics.groups), (5.0, 7.0, 9.0));
        assert_eq!(metrics.since(metrics), Metrics::default());
        assert_eq!(Metrics::parse("apus_journal_groups_total 9"), None);
    }
}
