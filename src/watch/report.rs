//! What a core hands over when it is asked: a copy of what it counted, and how it stands.

use apus_coordinator::machine::CoordinatorGauges;
use apus_core::counters::Counters;
use apus_core::front::FrontGauges;
use apus_core::packer::PackerGauges;
use apus_core::quota::QuotaUse;
use apus_core::telemetry::ClientMetric;

/// How the machines of one core stand.
#[derive(Clone, Debug, Default)]
pub struct NodeGauges {
    /// Connections.
    pub connections: u64,
    /// Reply bytes that their clients have not read.
    pub unread_bytes: u64,
    /// The connection side.
    pub front: FrontGauges,
    /// What clients said of themselves, how many are known, and how many numbers found no room.
    pub client_metrics: (Vec<ClientMetric>, (u64, u64)),
    /// What clients used of their quotas, as far as this core knows.
    pub quotas: Vec<QuotaUse>,
    /// The packer, on core 0.
    pub packer: Option<PackerGauges>,
    /// A client's write would find room in the journal; true where the core has none.
    pub is_writable: bool,
    /// The coordinator, on core 0 and once it leads.
    pub coordinator: Option<CoordinatorGauges>,
}

/// How the shell around them stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct ShellGauges {
    /// Messages in the inbox.
    pub inbox_messages: u64,
    /// Messages to other cores that found no room yet.
    pub outgoing_messages: u64,
    /// Requests that the store has.
    pub store_asked: u64,
    /// Requests that wait for it.
    pub store_waiting: u64,
}

/// One core, at one time.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What it counted since its start.
    pub count: Counters,
    /// How its machines stand.
    pub node: NodeGauges,
    /// How the shell around them stands.
    pub shell: ShellGauges,
}
