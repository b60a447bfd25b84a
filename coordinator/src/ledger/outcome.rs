//! What applying a command came to: what the coordinator tells cores, clients and the store.

use std::ops::Range;

use apus_core::error::Refusal;
use apus_core::extent::Placed;
use apus_core::ids::{Lsn, PackId};
use apus_core::message::Trim;

use super::quotas::QuotaRecord;
use super::resources::ResourceRecord;
use super::topics::TopicRecord;

/// What became of a command, and of bytes that nothing refers to any more because of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What was decided.
    pub decision: Decision,
    /// Packs that died: their objects may be deleted after a while.
    pub died: Vec<PackId>,
    /// Journal homes that hold nothing any more.
    pub emptied: Vec<Lsn>,
}

/// What became of a command of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The life began; refused where its incarnation is not above the one before.
    Began(Result<(), Refusal>),
    /// The topic, or why not.
    Created(Result<TopicRecord, Refusal>),
    /// The topic that is no more, or why not.
    Deleted(Result<TopicRecord, Refusal>),
    /// The topic with its new partitions, or why not.
    Grown(Result<TopicRecord, Refusal>),
    /// The topic as it is set up now, or why not.
    Configured(Result<TopicRecord, Refusal>),
    /// A broker's settings are these now.
    BrokerConfigured,
    /// The resource as it is set up now.
    ResourceConfigured(ResourceRecord),
    /// The entity's quotas are these now.
    QuotasSet(QuotaRecord),
    /// Producer ids that may be handed out.
    Reserved(Range<i64>),
    /// Answers in the order of the batches, and the extents of those that were accepted.
    Committed {
        /// Of each batch.
        answers: Vec<Answer>,
        /// In byte order; none where the pack had been committed before.
        placed: Vec<Placed>,
    },
    /// Extents that replace what lay inside their offsets.
    Rehomed {
        /// Those that found something to replace.
        placed: Vec<Placed>,
    },
    /// First offsets that moved up.
    Trimmed(Vec<Trim>),
    /// The pack may be deleted; false where it was committed.
    Abandoned(bool),
    /// The lives are over, and were not before; false changes nothing.
    Closed(bool),
    /// So many dead objects were forgotten.
    Forgotten(u64),
    /// So many producers were forgotten.
    Expired(u64),
    /// The group is stored, or why not.
    GroupStored(Result<(), Refusal>),
    /// The group stands so now, or why not.
    ConsumersChanged(Result<(), Refusal>),
    /// The share partitions stand so now, or why not.
    SharesChanged(Result<(), Refusal>),
    /// So many share partitions were forgotten.
    SharesRemoved(u64),
    /// The group stands so now, or why not.
    StreamsChanged(Result<(), Refusal>),
    /// The group is gone, or why not.
    GroupRemoved(Result<(), Refusal>),
    /// In the order of the offsets.
    OffsetsCommitted(Vec<Result<(), Refusal>>),
    /// So many offsets were forgotten.
    OffsetsRemoved(u64),
    /// Whether this state is the one that the leader had.
    Agreed(bool),
}

/// What became of a batch.
pub type Answer = Result<Accepted, Refusal>;

/// Where a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its first offset; of a duplicate, the one it was given first.
    pub base_offset: i64,
    /// The partition's first offset at that time.
    pub log_start_offset: i64,
    /// It was accepted before: there is no extent for it.
    pub duplicate: bool,
    /// Its newest timestamp, as first accepted.
    pub timestamp_max: i64,
}

/// What the ledger knows of a pack that the store lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It was committed, or can never be any more.
    Resolved,
    /// It was abandoned: a commit of it is refused.
    Abandoned,
    /// A commit may still come: abandon it before it is deleted.
    Unknown,
}

/// How full the ledger is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pressure {
    /// Live extents.
    pub extents: u64,
    /// Live producers.
    pub producers: u64,
    /// Partitions.
    pub partitions: u64,
    /// Committed offsets of groups.
    pub group_offsets: u64,
    /// Writers of packs whose outcomes are remembered; two a life, until it is closed.
    pub writers: u64,
}
