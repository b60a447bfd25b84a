//! Clients that ask and push, told by hand.

use super::*;
use crate::api::Software;

const CONNECTION: ConnectionId = ConnectionId(7);
const ID: Uuid = Uuid([9; 16]);

/// A field of a message: its tag, its length, its bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, 0x80 | (bytes.len() & 0x7f) as u8, (bytes.len() >> 7) as u8][..], bytes].concat()
}

fn pair(key: &str, value: &str) -> Vec<u8> {
    [field(1, key.as_bytes()), field(2, &field(1, value.as_bytes()))].concat()
}

/// A push of one number: a gauge, or a sum of this temporality.
fn pushed(name: &str, value: f64, temporality: Option<u8>) -> Vec<u8> {
    let mut point = vec![4 << 3 | 1];
    point.extend_from_slice(&value.to_le_bytes());
    point.extend(field(7, &pair("topic", "t")));
    let mut data = field(1, &point);
    data.extend(temporality.into_iter().flat_map(|kind| [2 << 3, kind]));
    let kind = if temporality.is_some() { 7 } else { 5 };
    let metric = [field(1, name.as_bytes()), field(kind, &data)].concat();
    let resource = field(1, &field(1, &pair("group_id", "g")));
    field(1, &[resource, field(2, &field(2, &metric))].concat())
}

fn context() -> Context {
    let software = Software { name: "apache-kafka-java".into(), version: "4.0.0".into(), port: 5 };
    Context {
        principal: "User:ANONYMOUS".into(),
        listener: 0,
        client_id: "me".into(),
        host: "/127.0.0.1".into(),
        zone: None,
        software: Some(Arc::new(software)),
    }
}

struct Bench {
    telemetry: Telemetry,
    rng: Rng,
    now: Instant,
}

impl Bench {
    fn new(subscriptions: &[&[(&str, &str)]]) -> Bench {
        let mut bench = Bench { telemetry: Telemetry::new(1 << 16), rng: Rng::new(1), now: Instant(5) };
        for (index, configs) in subscriptions.iter().enumerate() {
            bench.set(&index.to_string(), configs);
        }
        bench
    }

    fn set(&mut self, name: &str, configs: &[(&str, &str)]) {
        let configs = configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        self.telemetry.set(&name.into(), &configs);
    }

    fn ask(&mut self, id: Uuid) -> Result<TelemetrySubscription, Refusal> {
        let asked = self.telemetry.ask(id, CONNECTION, &context(), self.now, &mut self.rng);
        self.telemetry.check();
        asked
    }

    fn push(&mut self, subscription: i32, metrics: Vec<u8>) -> Result<(), Refusal> {
        self.push_as(PushTelemetryRequest {
            instance: ID,
            subscription,
            terminating: false,
            codec: 0,
            metrics: metrics.into(),
        })
    }

    fn push_as(&mut self, request: PushTelemetryRequest) -> Result<(), Refusal> {
        let result = self.telemetry.push(&request, CONNECTION, &context(), self.now);
        self.telemetry.check();
        result
    }

    fn pass(&mut self, milliseconds: u64) {
        self.now = self.now.after_ms(milliseconds);
        self.telemetry.expire(self.now);
        self.telemetry.check();
    }

    fn values(&self) -> Vec<(String, String, f64)> {
        let metrics = self.telemetry.metrics().into_iter();
        metrics.map(|metric| (metric.name.to_string(), metric.attributes.to_string(), metric.value)).collect()
    }
}

#[test]
fn without_a_subscription_nothing_is_asked_for() {
    let mut bench = Bench::new(&[]);
    let asked = bench.ask(Uuid::ZERO).expect("an answer");
    assert!(asked.metrics.is_empty() && !asked.instance.is_zero());
    assert_eq!((asked.interval_ms, asked.bytes_max), (300_000, 1 << 16));
    assert_ne!(bench.ask(Uuid::ZERO).expect("another client").instance, asked.instance);
}

#[test]
fn subscriptions_that_match_add_up() {
    let mut bench = Bench::new(&[
        &[("metrics", "b,a"), ("interval.ms", "1000"), ("match", "client_id=m.,client_software_name=apache-.*")],
        &[("metrics", "c"), ("interval.ms", "500"), ("match", "client_source_address=127.0.0.1,client_source_port=5")],
        &[("metrics", "d"), ("interval.ms", "100"), ("match", "client_id=m")],
    ]);
    let asked = bench.ask(ID).expect("an answer");
    assert_eq!(asked.metrics.iter().map(|name| &**name).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!((asked.interval_ms, asked.instance), (500, ID));
    bench.set("3", &[("metrics", "*")]);
    let changed = bench.ask(ID).expect("what changed is told at once");
    assert_eq!((changed.metrics, changed.number == asked.number), (vec!["*".into()], false));
    // Any core says the same.
    let mut other = Bench::new(&[&[("metrics", "*"), ("interval.ms", "500")]]);
    assert_eq!(other.ask(ID).expect("an answer").number, changed.number);
}

#[test]
fn what_is_pushed_is_kept_until_its_client_goes() {
    let mut bench = Bench::new(&[&[("metrics", "a"), ("interval.ms", "1000")]]);
    let number = bench.ask(ID).expect("an answer").number;
    assert_eq!(bench.push(number, pushed("a.total", 2.0, Some(1))), Ok(()));
    let row = |value| vec![("a.total".to_owned(), "group_id=g,topic=t".to_owned(), value)];
    assert_eq!(bench.values(), row(2.0));
    bench.pass(1_000);
    assert_eq!(bench.push(number, pushed("a.total", 3.0, Some(1))), Ok(()));
    assert_eq!(bench.values(), row(5.0), "deltas add up");
    bench.pass(1_000);
    assert_eq!(bench.push(number, pushed("a.total", 3.0, None)), Ok(()));
    assert_eq!(bench.values(), row(3.0), "others do not");
    bench.pass(59_999);
    assert_eq!(bench.values().len(), 1);
    bench.pass(1);
    assert_eq!((bench.values().len(), bench.telemetry.deadline()), (0, Instant::NEVER));
    let number = bench.ask(ID).expect("it is back").number;
    assert_eq!(bench.push(number, pushed("a", 1.0, None)), Ok(()));
    bench.telemetry.closed(CONNECTION);
    bench.telemetry.check();
    assert_eq!(bench.telemetry.counts(), (0, 0));
}

#[test]
fn whoever_speaks_out_of_turn_is_refused() {
    let mut bench = Bench::new(&[&[("metrics", "a"), ("interval.ms", "1000")]]);
    let number = bench.ask(ID).expect("an answer").number;
    assert_eq!(bench.ask(ID).map(drop), Err(Refusal::ThrottlingQuotaExceeded), "asked twice");
    assert_eq!(bench.push(number, Vec::new()), Ok(()));
    assert_eq!(bench.push(number, Vec::new()), Err(Refusal::ThrottlingQuotaExceeded));
    bench.pass(1_000);
    assert_eq!(bench.push(number ^ 1, Vec::new()), Err(Refusal::UnknownSubscriptionId));
    assert!(bench.ask(ID).is_ok(), "told to ask, it may");
    bench.pass(1_000);
    let request = |codec, terminating, metrics: Vec<u8>| PushTelemetryRequest {
        instance: ID,
        subscription: number,
        terminating,
        codec,
        metrics: metrics.into(),
    };
    assert_eq!(bench.push_as(request(9, false, Vec::new())), Err(Refusal::UnsupportedCompressionType));
    bench.pass(1_000);
    assert_eq!(bench.push_as(request(0, false, vec![0; 1 << 17])), Err(Refusal::TelemetryTooLarge));
    bench.pass(1_000);
    assert_eq!(bench.push_as(request(0, false, b"\x0a\xff".to_vec())), Err(Refusal::InvalidRecord));
    assert_eq!(bench.push_as(request(0, true, pushed("a", 1.0, None))), Ok(()), "the last one may come early");
    assert_eq!(bench.push_as(request(0, true, Vec::new())), Err(Refusal::InvalidRequest), "it was the last one");
    let nobody = PushTelemetryRequest { instance: Uuid::ZERO, ..request(0, false, Vec::new()) };
    assert_eq!(bench.push_as(nobody), Err(Refusal::InvalidRequest));
}

#[test]
fn what_a_push_may_hold_is_bounded() {
    let mut bench = Bench::new(&[&[("metrics", "*"), ("interval.ms", "100")]]);
    let number = bench.ask(ID).expect("an answer").number;
    let count = crate::limits::TELEMETRY_INSTANCE_SERIES_MAX + 3;
    for index in 0..count {
        assert_eq!(bench.push(number, pushed(&format!("m{index}"), 1.0, None)), Ok(()));
        bench.pass(100);
    }
    assert_eq!((bench.values().len(), bench.telemetry.counts()), (count - 3, (1, 3)));
    let packed = crate::records::build::packed(Codec::Zstd, &vec![0; 1 << 17]);
    let bomb = PushTelemetryRequest {
        instance: ID,
        subscription: number,
        terminating: false,
        codec: 4,
        metrics: packed.into(),
    };
    assert_eq!(bench.push_as(bomb), Err(Refusal::InvalidRecord));
}

#[test]
fn hostile_bytes_are_refused_or_read() {
    let good = pushed("a", 1.0, Some(2));
    let mut rng = Rng::new(3);
    for _ in 0..20_000 {
        let mut bytes = good.clone();
        for _ in 0..=rng.below(3) {
            let at = rng.below(bytes.len() as u64) as usize;
            bytes[at] = rng.bits() as u8;
        }
        bytes.truncate(rng.below(bytes.len() as u64 + 1) as usize);
        let _ = otlp::points(&bytes, 10);
    }
    assert_eq!(otlp::points(&good, 10).map(|points| points.len()), Some(1));
}
