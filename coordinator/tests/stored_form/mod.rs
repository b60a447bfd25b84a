//! How the models apply a command: as a journal would bring it back.

use apus_coordinator::command::{self, Command, Envelope};
use apus_coordinator::ledger::{Ledger, Outcome};

/// Applies a command that went through its stored form; the position is its wall time.
pub fn apply(ledger: &mut Ledger, command: Command) -> Outcome {
    let lsn = ledger.lsn().next();
    let envelope = Envelope::internal(lsn.0 as i64, command);
    let mut bytes = Vec::new();
    let length = command::encode(&envelope, &mut bytes);
    assert_eq!(command::decode(&bytes), Ok((envelope.clone(), length)));
    let outcome = ledger.apply(lsn, &envelope);
    ledger.check();
    outcome
}
