//! `apus-perf sink`: a broker that says yes. It takes what producers send, counts records for their offsets, and keeps
//! nothing: what a load takes of a machine when nobody does the work.
//!
//! One thread a connection, which reads into the same memory over and over. It knows what `apus-perf load` asks before
//! and while it produces; anything else ends the connection.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use apus_core::ids::Uuid;
use apus_net::wire::api_versions::{Identity, encode_api_versions};
use apus_net::wire::header::{decode_request_header, encode_response_header};
use apus_net::wire::keys::ApiKey;
use apus_net::wire::schema::Message;
use apus_net::wire::schema::api_versions::ApiVersionsRequest;
use apus_net::wire::schema::list_offsets::{
    ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use apus_net::wire::schema::metadata::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use apus_net::wire::schema::produce::{
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};
use apus_net::wire::schema::producer_id::InitProducerIdResponse;
use apus_net::wire::schema::topics::{
    CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse, DeletableTopicResult, DeleteTopicsRequest,
    DeleteTopicsResponse,
};
use apus_net::wire::value::Records;
use apus_net::wire::writer::{Frame, Writer};
use clap::Args;

/// The longest request; a producer's are a megabyte.
const FRAME_BYTES_MAX: usize = 64 << 20;
/// Where a batch says how long it is behind these, and what its last record is.
const BATCH_LENGTH_AT: usize = 8;
const LAST_OFFSET_DELTA_AT: usize = 23;
/// Offset and length, which a batch's length does not count.
const BATCH_PREFIX_BYTES: usize = 12;
const NODE: i32 = 1;
const EARLIEST: i64 = -2;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;

/// Where a sink listens.
#[derive(Args, Clone, Debug)]
pub struct SinkArguments {
    /// Where to listen; port 0 is a free one, and the line on standard output says which.
    #[arg(long, default_value = "127.0.0.1:9092")]
    pub listen: SocketAddr,
}

/// A topic, and where each of its partitions ends.
#[derive(Debug)]
struct Topic {
    id: Uuid,
    ends: Vec<i64>,
}

#[derive(Debug, Default)]
struct Topics {
    by_name: BTreeMap<String, Topic>,
    /// Topics and producers so far.
    created: u64,
}

impl Topics {
    fn next(&mut self) -> u64 {
        self.created += 1;
        self.created
    }

    /// By its name, or by its id where a request has no name.
    fn find(&mut self, name: &str, id: Uuid) -> Option<&mut Topic> {
        if name.is_empty() {
            return self.by_name.values_mut().find(|topic| topic.id == id);
        }
        self.by_name.get_mut(name)
    }
}

/// Serves until the process is ended. The error is a sentence.
pub fn run(arguments: &SinkArguments) -> Result<(), String> {
    let wrong = |error: io::Error| format!("cannot listen on {}: {error}", arguments.listen);
    let listener = TcpListener::bind(arguments.listen).map_err(wrong)?;
    let address = listener.local_addr().map_err(wrong)?;
    println!("listening on {address}");
    let topics: Arc<Mutex<Topics>> = Arc::default();
    for stream in listener.incoming() {
        let (stream, topics) = (stream.map_err(|error| format!("cannot accept: {error}"))?, Arc::clone(&topics));
        thread::spawn(move || {
            // A client that goes, or asks for something else, ends its own connection.
            let _ = serve(stream, address, &topics);
        });
    }
    Ok(())
}

fn serve(mut stream: TcpStream, address: SocketAddr, topics: &Mutex<Topics>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut frame, mut writer) = (Vec::new(), Writer::new());
    let host = address.ip().to_string();
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        frame.resize(length, 0);
        stream.read_exact(&mut frame)?;
        let mut topics = topics.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = Desk { topics: &mut topics, host: &host, port: address.port() }.answer(&frame, &mut writer);
        drop(topics);
        let answer = answer.map_err(|why| io::Error::other(why.to_string()))?;
        stream.write_all(&answer.contiguous())?;
    }
}

/// What an answer is made of.
struct Desk<'a> {
    topics: &'a mut Topics,
    host: &'a str,
    port: u16,
}

impl Desk<'_> {
    fn answer(&mut self, frame: &[u8], writer: &mut Writer) -> Result<Frame, Box<dyn std::error::Error>> {
        let (header, body) = decode_request_header(frame)?;
        let (key, version, body) = (header.key, header.version, body.rest());
        let mut reply = Reply { writer, key, version, correlation: header.correlation };
        Ok(match key {
            ApiKey::ApiVersions => {
                let identity = Identity { cluster_id: "sink", node_id: NODE, features: &[] };
                let request = ApiVersionsRequest::read(body, version)?;
                encode_api_versions(reply.writer, version, reply.correlation, &request, &identity)
            }
            ApiKey::Produce => reply.with(&self.produce(&ProduceRequest::read(body, version)?)),
            ApiKey::Metadata => reply.with(&self.metadata(&MetadataRequest::read(body, version)?)),
            ApiKey::ListOffsets => reply.with(&self.list(&ListOffsetsRequest::read(body, version)?)),
            ApiKey::CreateTopics => reply.with(&self.create(&CreateTopicsRequest::read(body, version)?)),
            ApiKey::DeleteTopics => reply.with(&self.delete(&DeleteTopicsRequest::read(body, version)?)),
            ApiKey::InitProducerId => {
                let producer_id = self.topics.next().cast_signed();
                reply.with(&InitProducerIdResponse { producer_id, ..Default::default() })
            }
            other => return Err(format!("a sink has no answer to {other:?}").into()),
        })
    }

    fn produce<'r>(&mut self, request: &ProduceRequest<'r>) -> ProduceResponse<'r> {
        let responses = request.topic_data.iter().map(|asked| {
            let mut topic = self.topics.find(asked.name, asked.topic_id);
            let answers = asked.partition_data.iter().map(|partition| {
                let place = usize::try_from(partition.index).unwrap_or(usize::MAX);
                let end = topic.as_mut().and_then(|topic| topic.ends.get_mut(place));
                let Some(end) = end else {
                    let error_code = UNKNOWN_TOPIC_OR_PARTITION;
                    return PartitionProduceResponse { index: partition.index, error_code, ..Default::default() };
                };
                let base_offset = *end;
                if let Some(Records::Slice(batches)) = partition.records {
                    *end += records(batches);
                }
                PartitionProduceResponse { index: partition.index, base_offset, ..Default::default() }
            });
            let partition_responses = answers.collect();
            TopicProduceResponse { name: asked.name, topic_id: asked.topic_id, partition_responses }
        });
        ProduceResponse { responses: responses.collect(), ..Default::default() }
    }

    fn metadata<'r>(&'r self, request: &MetadataRequest<'r>) -> MetadataResponse<'r> {
        let broker =
            MetadataResponseBroker { node_id: NODE, host: self.host, port: i32::from(self.port), ..Default::default() };
        let asked = request.topics.iter().flatten().filter_map(|topic| topic.name);
        let topics = asked.map(|name| match self.topics.by_name.get(name) {
            None => {
                let error_code = UNKNOWN_TOPIC_OR_PARTITION;
                MetadataResponseTopic { name: Some(name), error_code, ..Default::default() }
            }
            Some(topic) => {
                let partition = |index| MetadataResponsePartition {
                    partition_index: index,
                    leader_id: NODE,
                    replica_nodes: vec![NODE],
                    isr_nodes: vec![NODE],
                    ..Default::default()
                };
                let partitions = (0_i32..).zip(&topic.ends).map(|(index, _)| partition(index)).collect();
                MetadataResponseTopic { name: Some(name), topic_id: topic.id, partitions, ..Default::default() }
            }
        });
        let topics = topics.collect();
        MetadataResponse { brokers: vec![broker], controller_id: NODE, topics, ..Default::default() }
    }

    fn list<'r>(&mut self, request: &ListOffsetsRequest<'r>) -> ListOffsetsResponse<'r> {
        let topics = request.topics.iter().map(|asked| {
            let ends = self.topics.by_name.get(asked.name).map_or(&[][..], |topic| &topic.ends);
            let offset = |partition_index: i32, timestamp: i64| {
                let end = usize::try_from(partition_index).ok().and_then(|place| ends.get(place));
                let offset = if timestamp == EARLIEST { 0 } else { end.copied().unwrap_or(0) };
                ListOffsetsPartitionResponse { partition_index, offset, ..Default::default() }
            };
            let partitions = asked.partitions.iter().map(|one| offset(one.partition_index, one.timestamp)).collect();
            ListOffsetsTopicResponse { name: asked.name, partitions }
        });
        ListOffsetsResponse { topics: topics.collect(), ..Default::default() }
    }

    fn create<'r>(&mut self, request: &CreateTopicsRequest<'r>) -> CreateTopicsResponse<'r> {
        let topics = request.topics.iter().map(|asked| {
            let topic_id = Uuid::random(u128::from(self.topics.next()));
            let partitions = usize::try_from(asked.num_partitions).unwrap_or(1).clamp(1, 100_000);
            self.topics.by_name.insert(asked.name.to_owned(), Topic { id: topic_id, ends: vec![0; partitions] });
            CreatableTopicResult { name: asked.name, topic_id, ..Default::default() }
        });
        CreateTopicsResponse { topics: topics.collect(), ..Default::default() }
    }

    fn delete<'r>(&mut self, request: &DeleteTopicsRequest<'r>) -> DeleteTopicsResponse<'r> {
        let names = request.topics.iter().filter_map(|topic| topic.name).chain(request.topic_names.iter().copied());
        let responses = names.map(|name| {
            let gone = self.topics.by_name.remove(name).is_some();
            let error_code = if gone { 0 } else { UNKNOWN_TOPIC_OR_PARTITION };
            DeletableTopicResult { name: Some(name), error_code, ..Default::default() }
        });
        DeleteTopicsResponse { responses: responses.collect(), ..Default::default() }
    }
}

/// Where an answer goes.
struct Reply<'w> {
    writer: &'w mut Writer,
    key: ApiKey,
    version: i16,
    correlation: i32,
}

impl Reply<'_> {
    fn with<'a, M: Message<'a>>(&mut self, message: &M) -> Frame {
        self.writer.begin();
        encode_response_header(self.writer, self.key, self.version, self.correlation);
        message.write(self.writer, self.version);
        self.writer.finish()
    }
}

/// Records in these batches, by what they say of themselves.
fn records(mut batches: &[u8]) -> i64 {
    let mut count = 0;
    let number = |batch: &[u8], at: usize| {
        let bytes = batch.get(at..at + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
        bytes.map(i32::from_be_bytes).filter(|number| *number >= 0)
    };
    while let (Some(length), Some(delta)) = (number(batches, BATCH_LENGTH_AT), number(batches, LAST_OFFSET_DELTA_AT)) {
        count += i64::from(delta) + 1;
        batches = batches.get(BATCH_PREFIX_BYTES + length as usize..).unwrap_or_default();
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_tell_their_records() {
        let batch = |length: i32, delta: i32| {
            let mut batch = vec![0; BATCH_PREFIX_BYTES + length as usize];
            batch[8..12].copy_from_slice(&length.to_be_bytes());
            batch[23..27].copy_from_slice(&delta.to_be_bytes());
            batch
        };
        assert_eq!(records(&[]), 0);
        assert_eq!(records(&batch(60, 9)), 10);
        assert_eq!(records(&[batch(60, 9), batch(49, 0)].concat()), 11);
        assert_eq!(records(&batch(60, 9)[..20]), 0, "cut");
        assert_eq!(records(&batch(60, -1)), 0, "nonsense");
    }
}
