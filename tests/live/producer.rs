//! An idempotent producer that remembers what it sent and what was acknowledged.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};

use crate::broker::{Broker, PATIENCE};
use crate::history::{History, Place};
use crate::record::Record;

/// The topic of every test: each has a broker of its own.
pub const TOPIC: &str = "swift";

/// An idempotent producer.
pub struct Producer {
    inner: ThreadedProducer<Hears>,
    heard: Arc<Heard>,
    topic: String,
    sent: Vec<Record>,
}

#[derive(Default)]
struct Heard {
    news: Mutex<News>,
    came: Condvar,
}

#[derive(Default)]
struct News {
    acknowledged: BTreeMap<u64, Place>,
    failed: Vec<String>,
    refusals: Vec<String>,
}

/// What librdkafka calls.
struct Hears(Arc<Heard>);

impl Heard {
    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Hears {
    /// What the broker refused, and what librdkafka makes of it, is in its log alone.
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, line: &str) {
        if line.contains("encountered error") {
            self.0.news().refusals.push(line.to_owned());
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if matches!(error, KafkaError::Global(rdkafka::types::RDKafkaErrorCode::Fatal)) {
            self.0.news().failed.push(format!("fatal: {reason}"));
        }
    }
}

impl ProducerContext for Hears {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let mut news = self.0.news();
        match result {
            Ok(message) => {
                let place = Place { partition: message.partition(), offset: message.offset() };
                let before = news.acknowledged.insert(number as u64, place);
                assert!(before.is_none(), "record {number} was acknowledged twice");
            }
            Err((error, _)) => news.failed.push(format!("record {number}: {error}")),
        }
        self.0.came.notify_all();
    }
}

impl Producer {
    /// A producer with librdkafka's own defaults, idempotence, and these settings.
    pub fn new(broker: &Broker, topic: &str, settings: &[(&str, &str)]) -> Producer {
        let heard = Arc::new(Heard::default());
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", broker.bootstrap()).set("enable.idempotence", "true");
        config.set("message.max.bytes", "1048576").set("debug", "msg");
        config.set("reconnect.backoff.ms", "10").set("reconnect.backoff.max.ms", "200");
        for (key, value) in settings {
            config.set(*key, *value);
        }
        let inner = config.create_with_context(Hears(Arc::clone(&heard))).expect("librdkafka takes the settings");
        Producer { inner, heard, topic: topic.to_owned(), sent: Vec::new() }
    }

    /// The number of the next record.
    pub fn next(&self) -> u64 {
        self.sent.len() as u64
    }

    /// Sends the next record: where its key says, or where it is told.
    pub fn send(&mut self, record: Record, partition: Option<i32>) {
        let number = self.sent.len();
        assert_eq!(record.number(), number as u64);
        let mut message = BaseRecord::with_opaque_to(&self.topic, number).timestamp(record.timestamp);
        message = message.headers(record.owned_headers());
        message.key = record.key.as_deref();
        message.payload = record.value.as_deref();
        message.partition = partition;
        if let Err((error, _)) = self.inner.send::<[u8], [u8]>(message) {
            panic!("librdkafka does not take record {number}: {error}; {:?}", self.heard.news().failed);
        }
        self.sent.push(record);
    }

    /// How many records are acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.heard.news().acknowledged.len()
    }

    /// Waits until so many records are acknowledged.
    pub fn wait(&self, count: usize) {
        assert!(count <= self.sent.len(), "they were sent");
        let mut news = self.heard.news();
        while news.acknowledged.len() < count {
            assert!(news.failed.is_empty(), "{:?}; refusals: {:#?}", news.failed, news.refusals);
            let before = news.acknowledged.len();
            let (later, waited) = self.heard.came.wait_timeout(news, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            news = later;
            let stuck = waited.timed_out() && news.acknowledged.len() == before;
            assert!(!stuck, "stuck at {before} of {count} acknowledged; refusals: {:#?}", news.refusals);
        }
    }

    /// Waits until all are acknowledged, and tells what happened.
    pub fn finish(mut self) -> History {
        self.wait(self.sent.len());
        self.inner.flush(PATIENCE).expect("everything is acknowledged");
        let mut news = self.heard.news();
        History {
            topic: std::mem::take(&mut self.topic),
            sent: std::mem::take(&mut self.sent),
            acknowledged: std::mem::take(&mut news.acknowledged),
            refusals: std::mem::take(&mut news.refusals),
        }
    }
}
