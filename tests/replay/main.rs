//! A recorded life is lived again: the same node, told the same, does the same.
//!
//! `produce-and-fetch.trace` is the life of a real broker under librdkafka: topics, an idempotent producer, a consumer,
//! an orderly end. Where a change makes a node do something else on purpose (a format, a size, an API that is served),
//! the trace is recorded anew, with the broker that this test was built with:
//!
//! ```sh
//! APUS_RECORD=1 cargo test --test replay
//! ```

mod life;

use std::path::{Path, PathBuf};

use apus::trace::replay::{Departure, replay};
use bytes::Bytes;

const AGAIN: &str = "if that is meant, record anew: APUS_RECORD=1 cargo test --test replay";
/// What is checked in stays small.
const TRACE_BYTES_MAX: usize = 96 << 10;

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replay/produce-and-fetch.trace")
}

/// The trace, recorded just now where somebody asks for it.
fn trace() -> Bytes {
    if std::env::var_os("APUS_RECORD").is_some() {
        life::record(&path());
    }
    std::fs::read(path()).unwrap_or_else(|error| panic!("{error}: {AGAIN}")).into()
}

fn play(trace: Bytes) -> Result<apus::trace::replay::Replayed, Departure> {
    replay(trace, |node, events, turn| {
        node.step(events, turn);
        node.check();
    })
}

#[test]
fn a_recorded_life_is_lived_again() {
    let trace = trace();
    assert!(trace.len() <= TRACE_BYTES_MAX, "{} bytes are too many to be checked in", trace.len());
    let replayed = play(trace.clone()).unwrap_or_else(|departure| panic!("{departure}{AGAIN}"));
    println!("{replayed:?}");
    assert!(replayed.turns > 20 && replayed.deeds > 20, "{replayed:?}: is that a life? {AGAIN}");
    assert!(replayed.received_bytes as usize > life::RECORDS * life::RECORD_BYTES, "{replayed:?}: {AGAIN}");
    damaged_traces_are_refused(&trace);
    another_life_is_noticed(&trace);
}

/// Every frame has its checksum.
fn damaged_traces_are_refused(trace: &Bytes) {
    for at in [5, trace.len() / 2, trace.len() - 20] {
        let mut broken = trace.to_vec();
        broken[at] ^= 1;
        assert!(matches!(play(broken.into()), Err(Departure::Unreadable(_))), "byte {at}");
    }
    assert!(play(trace.slice(..trace.len() - 8)).is_err(), "cut within a frame");
    assert!(play(Bytes::new()).is_err(), "nothing");
}

/// A node that hears nothing of its first connection sends it no replies: the replay tells in which turn.
fn another_life_is_noticed(trace: &Bytes) {
    let mut turns = 0;
    let deaf = replay(trace.clone(), |node, events, turn| {
        turns += 1;
        events.retain(|event| !matches!(event, apus_core::turn::Event::Received { .. }));
        node.step(events, turn);
    });
    match deaf {
        Err(Departure::Other { turn, missing, .. }) => {
            assert!(turn <= turns && missing.iter().any(|deed| deed.to_string().starts_with("reply")), "{missing:?}");
        }
        other => panic!("a deaf node goes unnoticed: {other:?}"),
    }
}
