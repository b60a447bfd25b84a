//! Bytes from strangers: an error or a message, never a panic, and nothing believed beyond what was sent.

use apus_net::wire::schema::MESSAGES;
use proptest::prelude::*;

use crate::arbitrary::sample;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_understood_reads_back_the_same(sample in sample(true)) {
        let once = (sample.entry.recode)(&sample.body, sample.version).expect("unknown tags are skipped");
        prop_assert_eq!((sample.entry.recode)(&once, sample.version), Ok(once));
    }

    #[test]
    fn every_truncation_is_an_error(sample in sample(true)) {
        for end in 0..sample.body.len() {
            prop_assert!((sample.entry.recode)(&sample.body[..end], sample.version).is_err(), "cut at {}", end);
        }
    }

    #[test]
    fn trailing_bytes_are_an_error(sample in sample(true), more in prop::collection::vec(any::<u8>(), 1..9)) {
        let body = [&sample.body[..], &more].concat();
        prop_assert!((sample.entry.recode)(&body, sample.version).is_err());
    }

    #[test]
    fn mutations_never_panic(
        sample in sample(true),
        mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut body = sample.body;
        for (at, byte) in mutations {
            if !body.is_empty() {
                let at = at.index(body.len());
                body[at] = byte;
            }
        }
        let _ = (sample.entry.recode)(&body, sample.version);
    }

    #[test]
    fn noise_never_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
        for entry in MESSAGES {
            for version in entry.versions.min - 1..=entry.versions.max + 1 {
                let _ = (entry.recode)(&body, version);
            }
        }
    }
}

#[test]
fn counts_and_lengths_of_two_billion_allocate_nothing() {
    for entry in MESSAGES {
        for version in entry.versions.min..=entry.versions.max {
            for fill in
                [&[0x7f, 0xff, 0xff, 0xff][..], &[0xff, 0xff, 0xff, 0xff, 0x0f], &[0x7f, 0xff], &[0x80, 0, 0, 0]]
            {
                for zeros in 0..24 {
                    let body = [&vec![0; zeros][..], &fill.repeat(4)].concat();
                    let _ = (entry.recode)(&body, version);
                }
            }
        }
    }
}
