//! A way to a broker on which one thing is asked after another: what a client does before its work begins.

use std::io::{Read, Write};
use std::net::TcpStream;

use apus_core::ids::{ProducerId, Uuid};
use apus_net::wire::client::{decode_response, encode_request};
use apus_net::wire::schema::Message;
use apus_net::wire::schema::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use apus_net::wire::schema::producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use apus_net::wire::schema::topics::{CreatableTopic, CreateTopicsRequest, CreateTopicsResponse};
use apus_net::wire::writer::Writer;
use bytes::Bytes;

/// Somebody who answers.
pub trait Line {
    /// Sends a frame, and waits for the answer (without its length).
    fn call(&mut self, frame: Bytes) -> Bytes;
}

impl Line for TcpStream {
    fn call(&mut self, frame: Bytes) -> Bytes {
        self.write_all(&frame).expect("the broker takes a request");
        receive(self)
    }
}

/// The next answer on a socket, without its length.
///
/// # Panics
/// Where the broker is gone.
pub fn receive(socket: &mut TcpStream) -> Bytes {
    let mut length = [0; 4];
    socket.read_exact(&mut length).expect("the broker answers");
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    socket.read_exact(&mut frame).expect("the broker answers");
    frame.into()
}

/// A request as bytes.
#[must_use]
pub fn request<'a, M: Message<'a>>(version: i16, message: &M) -> Bytes {
    encode_request(&mut Writer::new(), version, 1, Some("profile"), message).contiguous()
}

/// An answer in the schema's words.
///
/// # Panics
/// Where it is none.
#[must_use]
pub fn answer<'a, M: Message<'a>>(frame: &'a [u8], version: i16) -> M {
    decode_response(frame, version).unwrap_or_else(|malformed| panic!("a malformed answer: {malformed:?}")).1
}

/// Makes a topic, and says which it is.
///
/// # Panics
/// Where the broker refuses.
pub fn create_topic(line: &mut impl Line, name: &str, partitions: i32) -> Uuid {
    let topic = CreatableTopic { name, num_partitions: partitions, replication_factor: -1, ..Default::default() };
    let creation = CreateTopicsRequest { topics: vec![topic], timeout_ms: 5_000, validate_only: false };
    let frame = line.call(request(7, &creation));
    let created: CreateTopicsResponse<'_> = answer(&frame, 7);
    assert!(created.topics.iter().all(|topic| topic.error_code == 0), "{:?}", created.topics);
    topic_id(line, name)
}

/// Which topic has this name.
///
/// # Panics
/// Where there is none.
pub fn topic_id(line: &mut impl Line, name: &str) -> Uuid {
    let wanted = MetadataRequestTopic { topic_id: Uuid::ZERO, name: Some(name) };
    let frame = line.call(request(12, &MetadataRequest { topics: Some(vec![wanted]), ..Default::default() }));
    let described: MetadataResponse<'_> = answer(&frame, 12);
    assert!(described.topics.iter().all(|topic| topic.error_code == 0), "{:?}", described.topics);
    described.topics[0].topic_id
}

/// An idempotent producer's id.
///
/// # Panics
/// Where the broker refuses.
pub fn producer_id(line: &mut impl Line) -> ProducerId {
    let wanted = InitProducerIdRequest { transactional_id: None, transaction_timeout_ms: 60_000, ..Default::default() };
    let frame = line.call(request(4, &wanted));
    let given: InitProducerIdResponse = answer(&frame, 4);
    assert!(given.error_code == 0, "InitProducerId answers {}", given.error_code);
    ProducerId(given.producer_id)
}
