//! What the requests to the store would be billed: an estimate from list prices, for watching, not for paying.
//!
//! The prices are those of Amazon S3 Standard in us-east-1: $0.005 for a thousand PUT and LIST requests, $0.0004 for a
//! thousand GET and HEAD requests, nothing for DELETE. Storage and traffic are not in it. Each attempt counts,
//! repetitions and hedges included, because each is billed. On a directory it says what a bucket would have cost.

use apus_store::counters::StoreCounters;
use apus_store::retry::Operation;

/// Dollars for one request that writes or lists.
pub const DOLLARS_PER_WRITE: f64 = 0.005 / 1_000.0;
/// Dollars for one request that reads.
pub const DOLLARS_PER_READ: f64 = 0.0004 / 1_000.0;

/// Dollars for all requests since the start.
#[must_use]
pub fn dollars(store: &StoreCounters) -> f64 {
    let cost = |operation: &Operation| store.operation(*operation).attempts.get() as f64 * price(*operation);
    Operation::ALL.iter().map(cost).sum()
}

fn price(operation: Operation) -> f64 {
    match operation {
        Operation::PutAlways | Operation::PutConditional | Operation::List => DOLLARS_PER_WRITE,
        Operation::Get | Operation::Head => DOLLARS_PER_READ,
        Operation::Delete => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_requests_cost_what_the_list_says() {
        let store = StoreCounters::default();
        store.operation(Operation::PutAlways).attempts.add(1_000_000);
        store.operation(Operation::Get).attempts.add(1_000_000);
        store.operation(Operation::Delete).attempts.add(1_000_000);
        assert!((dollars(&store) - 5.4).abs() < 1e-9, "{}", dollars(&store));
    }
}
