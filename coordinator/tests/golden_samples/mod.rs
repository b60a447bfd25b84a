//! Commands in an order that makes sense to a ledger, those with a golden file of their own by its name.

use std::sync::Arc;

use apus_coordinator::command::{Command, Envelope};
use apus_coordinator::ledger::Ledger;

/// Commands in their envelopes.
pub type Samples = Vec<(Option<&'static str>, Envelope)>;

/// One a millisecond from then on.
pub fn enveloped<const N: usize>(commands: [(Option<&'static str>, Command); N], mut wall_ms: i64) -> Samples {
    let envelope = |(name, command)| {
        wall_ms += 1;
        (name, Envelope { level: 1, principal: Arc::from("User:ANONYMOUS"), wall_ms, command })
    };
    commands.into_iter().map(envelope).collect()
}

/// The ledger takes all of them.
pub fn apply(ledger: &mut Ledger, samples: Samples) {
    for (_, envelope) in samples {
        ledger.apply(ledger.lsn().next(), &envelope);
        ledger.check();
    }
}
