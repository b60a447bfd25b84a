//! Commands in an order that makes sense to a ledger, those with a golden file of their own by its name.

use std::sync::Arc;

use apus_coordinator::command::{Command, Envelope};
use apus_coordinator::ledger::Ledger;

use crate::golden_commands::{File, command_is_read, of_command};

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

/// The ledger that takes all of them, one after the other.
pub fn ledger_of(samples: Samples) -> Ledger {
    let mut ledger = Ledger::new();
    for (_, envelope) in samples {
        ledger.apply(ledger.lsn().next(), &envelope);
        ledger.check();
    }
    ledger
}

/// The files of those that have one.
pub fn files_of(samples: Samples) -> impl Iterator<Item = File> {
    samples.into_iter().filter_map(|(name, envelope)| Some(of_command(name?, &envelope)))
}

/// Their files say what they are.
pub fn are_read(samples: Samples) {
    for (name, envelope) in samples {
        if let Some(name) = name {
            command_is_read(name, envelope);
        }
    }
}
