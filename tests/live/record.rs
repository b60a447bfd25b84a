//! One record, as it is sent and as it comes back.

use std::fmt;

use apus_core::time::Rng;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};

/// The header that says which record it is.
const NUMBER: &str = "number";
/// The time of the first record; later ones are near it, not in order.
pub const EPOCH: i64 = 1_700_000_000_000;

/// Everything that a client gives and expects back.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    pub timestamp: i64,
}

impl Record {
    /// A record of this number: with and without key, value and headers, mostly small.
    pub fn draw(number: u64, rng: &mut Rng) -> Record {
        let value_bytes = match rng.below(20) {
            0 => 0,
            1 => 20_000 + rng.below(60_000),
            _ => rng.below(2_000),
        };
        let mut headers = vec![(NUMBER.to_owned(), Some(number.to_string().into_bytes()))];
        for _ in 0..rng.below(3) {
            let value = (!rng.chance(4)).then(|| some_bytes(rng.below(40), rng));
            headers.push((["", "trace", "trace", "ключ"][rng.below(4) as usize].to_owned(), value));
        }
        Record {
            key: (!rng.chance(3)).then(|| some_bytes(rng.below(30), rng)),
            value: (!rng.chance(20)).then(|| some_bytes(value_bytes, rng)),
            headers,
            timestamp: EPOCH + 10 * number as i64 + rng.below(200) as i64,
        }
    }

    /// A record of this number whose value is so long.
    pub fn sized(number: u64, bytes: u64, rng: &mut Rng) -> Record {
        Record { value: Some(some_bytes(bytes, rng)), ..Record::draw(number, rng) }
    }

    /// What a consumer got.
    pub fn of(message: &impl Message) -> Record {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        let headers = headers.map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)));
        Record {
            headers: headers.collect(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            timestamp: message.timestamp().to_millis().expect("it has a time"),
        }
    }

    /// Which record it is.
    pub fn number(&self) -> u64 {
        let header = self.headers.iter().find(|(name, _)| name == NUMBER);
        let text = header.and_then(|(_, value)| String::from_utf8(value.clone()?).ok());
        text.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{self:?} is none of ours"))
    }

    /// Its headers, as the client wants them.
    pub fn owned_headers(&self) -> OwnedHeaders {
        let insert = |headers: OwnedHeaders, (key, value): &(String, Option<Vec<u8>>)| {
            headers.insert(Header { key, value: value.as_ref() })
        };
        self.headers.iter().fold(OwnedHeaders::new(), insert)
    }
}

/// Half of them repeat, so that codecs find something.
fn some_bytes(count: u64, rng: &mut Rng) -> Vec<u8> {
    let letter = rng.bits() as u8;
    (0..count).map(|at| if at % 64 < 32 { letter } else { rng.bits() as u8 }).collect()
}

impl fmt::Debug for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = |field: &Option<Vec<u8>>| field.as_ref().map(Vec::len);
        let names: Vec<_> = self.headers.iter().map(|(name, value)| (name, bytes(value))).collect();
        let (key, value) = (bytes(&self.key), bytes(&self.value));
        write!(formatter, "record(key {key:?}, value {value:?}, headers {names:?}, at {})", self.timestamp)
    }
}
