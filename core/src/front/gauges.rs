//! How a front stands, for whoever watches.

use super::Front;

/// Numbers that go up and down.
#[derive(Clone, Copy, Debug, Default)]
pub struct FrontGauges {
    /// Produce requests without an outcome.
    pub produces: u64,
    /// Their bytes.
    pub inflight_bytes: u64,
    /// Fetches that wait for bytes to come.
    pub fetches_parked: u64,
    /// Fetches whose bytes are being located or read.
    pub fetches_reading: u64,
    /// Fetch sessions.
    pub fetch_sessions: u64,
    /// Blocks on their way from the store.
    pub cold_blocks: u64,
    /// Packs in the hot tier, bytes that ride in the journal apart.
    pub hot_packs: u64,
    /// Their bytes.
    pub hot_bytes: u64,
}

impl Front {
    /// How it stands.
    #[must_use]
    pub fn gauges(&self) -> FrontGauges {
        let (fetches_parked, fetches_reading) = self.fetch.counts();
        let (hot_packs, hot_bytes) = self.hot.size();
        FrontGauges {
            produces: self.produce.count() as u64,
            inflight_bytes: self.produce.bytes(),
            fetches_parked,
            fetches_reading,
            fetch_sessions: self.fetch.sessions.count() as u64,
            cold_blocks: self.fetch.reads.under_way() as u64,
            hot_packs,
            hot_bytes,
        }
    }
}
