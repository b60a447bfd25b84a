//! Envelopes to bytes and back.

use rkyv::Archive;
use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Error;
use rkyv::ser::allocator::ArenaHandle;

use super::frame::{self, Corrupt};
use super::stored::{self, Stored};
use super::{Command, Envelope};

/// Appends the frame of a command; returns its length. `out` begins at a multiple of 16 and is reused by the caller.
pub fn encode(envelope: &Envelope, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    match &envelope.command {
        Command::Begin { .. } => put::<stored::BeginV1>(envelope, out),
        Command::CreateTopic(_) => put::<stored::CreateTopicV1>(envelope, out),
        Command::DeleteTopic { .. } => put::<stored::DeleteTopicV1>(envelope, out),
        Command::GrowTopic { .. } => put::<stored::GrowTopicV1>(envelope, out),
        Command::ConfigureTopic { .. } => put::<stored::ConfigureTopicV1>(envelope, out),
        Command::ConfigureBroker { .. } => put::<stored::ConfigureBrokerV1>(envelope, out),
        Command::ConfigureResource { .. } => put::<stored::ConfigureResourceV1>(envelope, out),
        Command::SetQuotas { .. } => put::<stored::SetQuotasV1>(envelope, out),
        Command::ReserveProducerIds { .. } => put::<stored::ReserveProducerIdsV1>(envelope, out),
        Command::Commit(_) => put::<stored::CommitV1>(envelope, out),
        Command::Rehome(_) => put::<stored::RehomeV1>(envelope, out),
        Command::Trim(_) => put::<stored::TrimV1>(envelope, out),
        Command::Abandon { .. } => put::<stored::AbandonV1>(envelope, out),
        Command::CloseLives { .. } => put::<stored::CloseLivesV1>(envelope, out),
        Command::ObjectsDeleted { .. } => put::<stored::ObjectsDeletedV1>(envelope, out),
        Command::ExpireProducers { .. } => put::<stored::ExpireProducersV1>(envelope, out),
        Command::Digest { .. } => put::<stored::DigestV1>(envelope, out),
        Command::StoreGroup(_) => put::<stored::StoreGroupV1>(envelope, out),
        Command::RemoveGroup { .. } => put::<stored::RemoveGroupV1>(envelope, out),
        Command::CommitOffsets(_) => put::<stored::CommitOffsetsV1>(envelope, out),
        // What needs no more is written as it always was.
        Command::ChangeConsumers(change) if change.is_mixed() => put::<stored::ChangeConsumersV2>(envelope, out),
        Command::ChangeConsumers(_) => put::<stored::ChangeConsumersV1>(envelope, out),
        Command::ChangeStreams(_) => put::<stored::ChangeStreamsV1>(envelope, out),
        Command::RemoveOffsets { .. } => put::<stored::RemoveOffsetsV1>(envelope, out),
        Command::ChangeSharers(_) => put::<stored::ChangeSharersV1>(envelope, out),
        Command::ChangeShares(_) => put::<stored::ChangeSharesV1>(envelope, out),
        Command::RemoveShares { .. } => put::<stored::RemoveSharesV1>(envelope, out),
    }
    assert!(out.len() > start + frame::HEADER_BYTES);
    out.len() - start
}

/// The command that begins these bytes, and the length of its frame.
///
/// # Errors
/// Where the bytes are not what [`encode`] wrote, or a newer binary wrote them.
pub fn decode(bytes: &[u8]) -> Result<(Envelope, usize), Corrupt> {
    let found = frame::read(bytes)?;
    let payload = found.payload;
    let envelope = match (found.kind, found.version) {
        stored::BeginV1::FRAME => get::<stored::BeginV1>(payload),
        stored::CreateTopicV1::FRAME => get::<stored::CreateTopicV1>(payload),
        stored::DeleteTopicV1::FRAME => get::<stored::DeleteTopicV1>(payload),
        stored::GrowTopicV1::FRAME => get::<stored::GrowTopicV1>(payload),
        stored::ConfigureTopicV1::FRAME => get::<stored::ConfigureTopicV1>(payload),
        stored::ConfigureBrokerV1::FRAME => get::<stored::ConfigureBrokerV1>(payload),
        stored::ConfigureResourceV1::FRAME => get::<stored::ConfigureResourceV1>(payload),
        stored::SetQuotasV1::FRAME => get::<stored::SetQuotasV1>(payload),
        stored::ReserveProducerIdsV1::FRAME => get::<stored::ReserveProducerIdsV1>(payload),
        stored::CommitV1::FRAME => get::<stored::CommitV1>(payload),
        stored::RehomeV1::FRAME => get::<stored::RehomeV1>(payload),
        stored::TrimV1::FRAME => get::<stored::TrimV1>(payload),
        stored::AbandonV1::FRAME => get::<stored::AbandonV1>(payload),
        stored::CloseLivesV1::FRAME => get::<stored::CloseLivesV1>(payload),
        stored::ObjectsDeletedV1::FRAME => get::<stored::ObjectsDeletedV1>(payload),
        stored::ExpireProducersV1::FRAME => get::<stored::ExpireProducersV1>(payload),
        stored::DigestV1::FRAME => get::<stored::DigestV1>(payload),
        stored::StoreGroupV1::FRAME => get::<stored::StoreGroupV1>(payload),
        stored::RemoveGroupV1::FRAME => get::<stored::RemoveGroupV1>(payload),
        stored::CommitOffsetsV1::FRAME => get::<stored::CommitOffsetsV1>(payload),
        stored::RemoveOffsetsV1::FRAME => get::<stored::RemoveOffsetsV1>(payload),
        stored::ChangeConsumersV1::FRAME => get::<stored::ChangeConsumersV1>(payload),
        stored::ChangeConsumersV2::FRAME => get::<stored::ChangeConsumersV2>(payload),
        stored::ChangeSharersV1::FRAME => get::<stored::ChangeSharersV1>(payload),
        stored::ChangeSharesV1::FRAME => get::<stored::ChangeSharesV1>(payload),
        stored::RemoveSharesV1::FRAME => get::<stored::RemoveSharesV1>(payload),
        stored::ChangeStreamsV1::FRAME => get::<stored::ChangeStreamsV1>(payload),
        (kind, version) => Err(Corrupt::Unknown { kind, version }),
    }?;
    Ok((envelope, found.consumed))
}

fn put<T>(envelope: &Envelope, out: &mut Vec<u8>)
where
    T: Stored + for<'a, 'b> rkyv::Serialize<HighSerializer<&'b mut Vec<u8>, ArenaHandle<'a>, Error>>,
{
    let start = frame::open(out);
    let value = T::of(envelope).expect("the type was chosen by the command");
    rkyv::api::high::to_bytes_in::<_, Error>(&value, &mut *out).expect("a growing buffer takes any archive");
    let (kind, version) = T::FRAME;
    frame::seal(out, start, kind, version);
}

fn get<T>(payload: &[u8]) -> Result<Envelope, Corrupt>
where
    T: Stored + Archive,
    T::Archived: for<'a> CheckBytes<HighValidator<'a, Error>> + rkyv::Deserialize<T, HighDeserializer<Error>>,
{
    rkyv::from_bytes::<T, Error>(payload).map_err(|_| Corrupt::Archive)?.envelope()
}
