//! What is measured: names, units and the order of a table's rows.

use std::fmt;

use serde::{Serialize, Serializer};

/// One number of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Megabytes (10^6) of record batches a second.
    Rate,
    /// Records a second, where they are too few for megabytes.
    Records,
    /// Latencies in ms, as the generator counts them.
    P50,
    /// See above.
    P99,
    /// See above.
    P999,
    /// Errors that were answered, for good or not.
    Errors,
    /// The broker's user and system CPU.
    Cpu,
    /// Its user part.
    CpuUser,
    /// Its system part.
    CpuSystem,
    /// The S3 server's.
    StoreCpu,
    /// The kernel's own threads'.
    KernelCpu,
    /// The generator's.
    ClientCpu,
    /// The broker's CPU in percent of one.
    CpuShare,
    /// CPUs that were busy with what is none of the above: how quiet the machine was.
    Elsewhere,
    /// The most memory the broker had.
    Memory,
    /// From exec to the first answer.
    Start,
    /// Plain and conditional PUTs, repetitions and hedges included; on a directory each is a file.
    Puts,
    /// GETs for each gigabyte that consumers were sent.
    Gets,
    /// LISTs.
    Lists,
    /// Groups of the journal: a durable write each.
    DurableWrites,
    /// PUTs a second, where the bytes are too few for gigabytes.
    PutsASecond,
    /// Durable writes a second, likewise.
    DurableWritesASecond,
    /// Files created a second, likewise.
    FilesASecond,
    /// Bytes given to disks for each byte produced.
    DiskBytes,
    /// Files created, as far as they are still there.
    Files,
    /// Mean number of PUTs in flight.
    PutsInFlight,
    /// Median of the injected PUT latency.
    InjectedP50,
    /// Its 99th percentile.
    InjectedP99,
    /// Second copies of slow PUTs, in percent of all.
    Hedges,
}

impl Measure {
    /// Name and unit.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Measure::Rate => "MB/s",
            Measure::Records => "records/s",
            Measure::P50 => "p50 ms",
            Measure::P99 => "p99 ms",
            Measure::P999 => "p99.9 ms",
            Measure::Errors => "errors answered",
            Measure::Cpu => "broker CPU s/GB",
            Measure::CpuUser => "  user s/GB",
            Measure::CpuSystem => "  system s/GB",
            Measure::StoreCpu => "S3 server CPU s/GB",
            Measure::KernelCpu => "kernel threads CPU s/GB",
            Measure::ClientCpu => "generator CPU s/GB",
            Measure::CpuShare => "broker CPU %",
            Measure::Elsewhere => "CPU % elsewhere",
            Measure::Memory => "broker peak MiB",
            Measure::Start => "start ms",
            Measure::Puts => "PUT a GB in",
            Measure::Gets => "GET a GB out",
            Measure::Lists => "LIST",
            Measure::DurableWrites => "durable writes a GB in",
            Measure::PutsASecond => "PUT a second",
            Measure::DurableWritesASecond => "durable writes a second",
            Measure::FilesASecond => "files created a second",
            Measure::DiskBytes => "disk bytes a byte in",
            Measure::Files => "files created",
            Measure::PutsInFlight => "PUTs in flight, mean",
            Measure::InjectedP50 => "injected PUT p50 ms",
            Measure::InjectedP99 => "injected PUT p99 ms",
            Measure::Hedges => "hedged PUTs %",
        }
    }

    /// Whether it says something beside another system's.
    #[must_use]
    pub fn compares(self) -> bool {
        use Measure::{Cpu, CpuShare, CpuSystem, CpuUser, Memory, P50, P99, P999, Rate, Records, Start};
        matches!(self, Rate | Records | P50 | P99 | P999 | Cpu | CpuUser | CpuSystem | CpuShare | Memory | Start)
    }
}

impl Serialize for Measure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.label().trim())
    }
}

/// A measure of the whole run, or of one of its workloads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Quantity {
    /// Nothing is all of them.
    pub workload: Option<String>,
    /// What is measured of it.
    pub measure: Measure,
}

impl Quantity {
    /// Of the whole run.
    #[must_use]
    pub fn whole(measure: Measure) -> Quantity {
        Quantity { workload: None, measure }
    }

    /// Of one workload.
    #[must_use]
    pub fn of(workload: &str, measure: Measure) -> Quantity {
        Quantity { workload: Some(workload.to_owned()), measure }
    }

    /// The order of rows: what clients see, workload by workload, then what it cost.
    #[must_use]
    pub fn place(&self) -> (bool, &Option<String>, Measure) {
        (self.workload.is_none(), &self.workload, self.measure)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.workload {
            Some(workload) => formatter.pad(&format!("{workload} {}", self.measure.label())),
            None => formatter.pad(self.measure.label()),
        }
    }
}

/// Three significant digits, and no more than that.
#[must_use]
pub fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.9995 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits() {
        let shown = [0.0, 0.01234, 1.005, 12.34, 99.99, 1234.5].map(digits);
        assert_eq!(shown, ["0.00", "0.012", "1.00", "12.3", "100", "1234"]);
    }

    #[test]
    fn workloads_come_before_what_they_cost() {
        let mut rows = [
            Quantity::whole(Measure::Cpu),
            Quantity::of("tail", Measure::Rate),
            Quantity::of("produce", Measure::P99),
            Quantity::of("produce", Measure::Rate),
        ];
        rows.sort_by(|one, other| one.place().cmp(&other.place()));
        assert_eq!(rows.map(|row| row.to_string()), ["produce MB/s", "produce p99 ms", "tail MB/s", "broker CPU s/GB"]);
    }
}
