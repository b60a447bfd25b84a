//! Two implementations, one protocol: what the `kafka-protocol` crate writes and what we write is the same.

use apus_core::error::Refusal;
use apus_net::wire::schema::Direction;
use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ApiKey, RequestKind, ResponseKind};
use proptest::prelude::*;

use crate::arbitrary::{Sample, sample};

/// They list these versions and cannot read them; Kafka calls the first unstable, and did so with the others.
const UNSTABLE: [(ApiKey, i16); 3] =
    [(ApiKey::InitProducerId, 6), (ApiKey::OffsetCommit, 10), (ApiKey::OffsetFetch, 10)];

/// What the other implementation understood, written by it; `None` where it lacks the version.
fn theirs(sample: &Sample, body: &[u8]) -> Option<Bytes> {
    let key = ApiKey::try_from(sample.entry.key).ok()?;
    if sample.version > key.valid_versions().max || UNSTABLE.contains(&(key, sample.version)) {
        return None;
    }
    let mut body = Bytes::copy_from_slice(body);
    let mut out = BytesMut::new();
    let outcome = match sample.entry.direction {
        Direction::Request => {
            let message = RequestKind::decode(key, &mut body, sample.version).expect("they read what the schema says");
            message.encode(&mut out, sample.version)
        }
        Direction::Response => {
            let message = ResponseKind::decode(key, &mut body, sample.version).expect("they read what the schema says");
            message.encode(&mut out, sample.version)
        }
    };
    outcome.expect("they write what they read");
    assert!(body.is_empty(), "they read all of it");
    Some(out.freeze())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_write_the_same_bytes(sample in sample(false)) {
        let ours = (sample.entry.recode)(&sample.body, sample.version).expect("we read what the schema says");
        if let Some(theirs) = theirs(&sample, &sample.body) {
            prop_assert_eq!(&ours, &theirs);
        }
    }

    #[test]
    fn each_reads_what_the_other_wrote(sample in sample(false)) {
        let ours = (sample.entry.recode)(&sample.body, sample.version).expect("we read what the schema says");
        if let Some(theirs) = theirs(&sample, &ours) {
            prop_assert_eq!((sample.entry.recode)(&theirs, sample.version), Ok(ours));
        }
    }
}

#[test]
fn refusals_have_kafkas_numbers() {
    for &(refusal, code) in apus_net::wire::error::ALL {
        match ResponseError::try_from_code(code) {
            Some(ResponseError::Unknown(_)) => {
                assert_eq!((refusal, code), (Refusal::RebootstrapRequired, 129), "new in Kafka 4.4")
            }
            theirs => assert_eq!(Some(format!("{refusal:?}")), theirs.map(|theirs| format!("{theirs:?}"))),
        }
    }
}
