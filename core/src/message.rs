//! What the machines of one broker say to each other, on one core or across cores.
//!
//! The hops of a produce: `Admit` (front to packer), `Commit` (packer to coordinator), `Committed` (coordinator to
//! every core: tails and hot tier), `Acknowledged` (the owning tails to the front). A front answers a client only
//! after the owning tail has applied the commit, so a client reads its own writes from any core.

use std::sync::Arc;

use bytes::Bytes;

use crate::api::{
    ActiveProducer, AlterConfigsRequest, AlterConfigsResponse, AlterQuotasRequest, AlterQuotasResponse,
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest,
    DeleteTopicsResponse, OffsetAt, Produced,
};
use crate::batch::BatchFacts;
use crate::catalog::CatalogUpdate;
use crate::error::Refusal;
use crate::extent::{Extent, Home, Placed};
use crate::group_message::{GroupAnswer, GroupAsk};
use crate::ids::{ConnectionId, CoreId, Incarnation, Lsn, PackId, PartitionId, ProducerId, Ticket, TopicId};
use crate::pack::Pack;
use crate::quota::MeterKey;

/// From one machine to another. The receiver's core is in the effect that sends it.
#[derive(Clone, Debug)]
pub enum Message {
    /// Coordinator to every core, once, before anything else: the ledger is recovered and ours.
    Began(Began),
    /// Front to packer (core 0): the batches of one produce request.
    Admit(Admission),
    /// Packer to coordinator (core 0): bytes that are durable, or that are to ride in the journal.
    Commit(Commit),
    /// Coordinator to packer: this flush is decided and durable.
    Resolved {
        /// The packer's own number of it.
        flush: u64,
    },
    /// Coordinator to packer: inline bytes that no spill has re-homed yet.
    Held {
        /// How many.
        bytes: u64,
    },
    /// Coordinator to packer: the ledger is nearly full, so rounds of flushes are to be so far apart.
    Throttle {
        /// The pause, milliseconds; 0 is none.
        pause_ms: u64,
    },
    /// Coordinator to every core: extents became durable.
    Committed(Arc<Committed>),
    /// Coordinator to every core: bytes moved to another home; offsets did not.
    Rehomed(Arc<Rehomed>),
    /// Coordinator to every core: first offsets moved up.
    Trimmed(Arc<Vec<Trim>>),
    /// Coordinator to every core: topics changed. Answered by `CatalogApplied`.
    Catalog(Arc<CatalogUpdate>),
    /// Every core to coordinator.
    CatalogApplied {
        /// Who.
        core: CoreId,
        /// Up to where.
        lsn: Lsn,
    },
    /// Tails (or, for a flush that failed, the packer) to the front that admitted.
    Acknowledged(Vec<Acknowledgement>),
    /// Front to tails: tell me of these partitions, now and whenever they grow.
    Watch {
        /// The front's core.
        core: CoreId,
        /// The front's name for it; not used again.
        watch: WatchId,
        /// Partitions that the receiving core owns.
        partitions: Vec<PartitionId>,
    },
    /// Front to tails: no more.
    Unwatch {
        /// The front's core.
        core: CoreId,
        /// The watch.
        watch: WatchId,
        /// Partitions that the receiving core owns.
        partitions: Vec<PartitionId>,
    },
    /// Tails to the front: partitions as they stand.
    Advanced(Vec<Advance>),
    /// Front to the owning tail: where are the bytes from this offset on? Answered by `Answer::Located`; what the
    /// tail does not know, it hands on to the coordinator as it is.
    Locate {
        /// Who asks.
        core: CoreId,
        /// The asker's ticket.
        ticket: Ticket,
        /// Of which partition.
        partition: PartitionId,
        /// From where.
        offset: i64,
        /// How many bytes are wanted; at least one extent is told.
        bytes_max: u32,
    },
    /// Every front to every other: what clients with quotas used on its core.
    Used(Arc<Vec<(MeterKey, f64)>>),
    /// Any machine to the coordinator (core 0).
    Ask {
        /// Who asks.
        core: CoreId,
        /// The asker's ticket.
        ticket: Ticket,
        /// What.
        ask: Ask,
    },
    /// The answer to an `Ask` or a `Locate`.
    Answer {
        /// The asker's ticket.
        ticket: Ticket,
        /// What.
        answer: Answer,
    },
}

/// What a core must know before it serves.
#[derive(Clone, Debug)]
pub struct Began {
    /// The cluster's id, a part of every data key.
    pub cluster_id: Arc<str>,
    /// This life of the journal: pack numbers count from 0 in it.
    pub incarnation: Incarnation,
    /// Small flushes may ride in the journal (journal and store are equally durable).
    pub inline: bool,
}

/// A front's name for a subscription: unique on its core for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchId(pub u64);

/// The batches of one produce request, checked.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The front's core.
    pub core: CoreId,
    /// The front's ticket of the request.
    pub ticket: Ticket,
    /// The connection it came on; batches of one connection keep their order.
    pub connection: ConnectionId,
    /// The connection has no unread bytes behind this request.
    pub drained: bool,
    /// In the request's order; a slot is an index into this.
    pub batches: Vec<Admitted>,
}

/// One batch, checked.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Whose.
    pub partition: PartitionId,
    /// The same by the names that a pack's footer carries.
    pub topic: TopicId,
    /// Kafka's partition index.
    pub index: i32,
    /// The batch, whole.
    pub bytes: Bytes,
    /// What its header says.
    pub facts: BatchFacts,
}

/// A flush that wants its offsets.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The packer's own number, returned in `Resolved`.
    pub flush: u64,
    /// The bytes.
    pub pack: Arc<Pack>,
    /// The object that durably holds them; nothing: they ride in the journal.
    pub stored: Option<PackId>,
    /// In byte order, grouped by partition.
    pub batches: Vec<CommitBatch>,
}

/// One batch of a flush.
#[derive(Clone, Copy, Debug)]
pub struct CommitBatch {
    /// Whose.
    pub partition: PartitionId,
    /// Its first byte inside the pack.
    pub position: u32,
    /// What its header says.
    pub facts: BatchFacts,
    /// The admitting front.
    pub core: CoreId,
    /// Its ticket.
    pub ticket: Ticket,
    /// The batch's index in the admission.
    pub slot: u32,
}

/// A flush that is durable, bytes and command.
#[derive(Debug)]
pub struct Committed {
    /// Its place in the journal.
    pub lsn: Lsn,
    /// What holds the bytes.
    pub home: Home,
    /// The bytes.
    pub pack: Arc<Pack>,
    /// Its extents; refused and duplicate batches have none.
    pub placed: Vec<Placed>,
    /// What each batch is to be answered, with the partition whose tail passes it on.
    pub answers: Vec<CommitAnswer>,
}

/// An answer on its way to the front.
#[derive(Clone, Copy, Debug)]
pub struct CommitAnswer {
    /// The tail to pass.
    pub partition: PartitionId,
    /// The front's core.
    pub core: CoreId,
    /// The answer.
    pub acknowledgement: Acknowledgement,
}

/// What became of one admitted batch.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledgement {
    /// The front's ticket.
    pub ticket: Ticket,
    /// The batch's index in the admission.
    pub slot: u32,
    /// Where it is (append time -1: the front knows it), or why not.
    pub result: Result<Produced, Refusal>,
}

/// Bytes that moved: each placed extent replaces all extents of its partition inside its offsets.
#[derive(Debug)]
pub struct Rehomed {
    /// Its place in the journal.
    pub lsn: Lsn,
    /// Journal homes that hold nothing any more.
    pub emptied: Vec<Home>,
    /// What holds the bytes now.
    pub home: Home,
    /// The bytes, for the hot tier, where this broker wrote them just now.
    pub pack: Option<Arc<Pack>>,
    /// The new extents.
    pub placed: Vec<Placed>,
}

/// A partition's first offset after retention or deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trim {
    /// Whose.
    pub partition: PartitionId,
    /// The first offset now.
    pub log_start_offset: i64,
}

/// A watched partition as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advance {
    /// The front's name for the subscription.
    pub watch: WatchId,
    /// Which partition.
    pub partition: PartitionId,
    /// The first offset; `None` where the partition is gone.
    pub bounds: Option<Bounds>,
    /// Bytes that came since the last time.
    pub bytes: u64,
}

/// First offset and the offset behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// First offset.
    pub log_start_offset: i64,
    /// Offset behind the last.
    pub high_watermark: i64,
}

/// A question to the coordinator. Its answer leaves only when all it is computed from is durable.
#[derive(Clone, Debug)]
pub enum Ask {
    /// A tail wants to begin: bounds and the newest extents. Later commits follow on the same way, in order.
    Open(PartitionId),
    /// Extents from an offset on.
    Locate {
        /// Of which partition.
        partition: PartitionId,
        /// From where.
        offset: i64,
        /// How many bytes are wanted; at least [`crate::limits::LOCATE_EXTENTS_MIN`] extents, where there are so many.
        bytes_max: u32,
    },
    /// An offset by name or time.
    Offset {
        /// Of which partition.
        partition: PartitionId,
        /// Which.
        at: OffsetAt,
        /// By time: only records from here on count, and none below the first offset in any case.
        from: i64,
        /// Only what is committed (read_committed).
        committed_only: bool,
    },
    /// Create topics; each core has applied them when this is answered.
    CreateTopics(CreateTopicsRequest),
    /// Delete topics, likewise.
    DeleteTopics(DeleteTopicsRequest),
    /// Topics to grow; the answer is as of `CreateTopics`.
    CreatePartitions(CreatePartitionsRequest),
    /// Settings to change; the answer leaves when every core acts on them.
    AlterConfigs(AlterConfigsRequest),
    /// Quotas to change, likewise.
    AlterQuotas(AlterQuotasRequest),
    /// Partitions whose first offsets are to move up to these; -1 is the end.
    DeleteRecords(Vec<(PartitionId, i64)>),
    /// A new idempotent producer.
    InitProducer,
    /// How many bytes partitions have.
    Sizes(Vec<PartitionId>),
    /// Who writes to partitions, each of them named once.
    Producers(Vec<PartitionId>),
    /// How far the journal has come.
    Position,
    /// A consumer group's; boxed, since every slot of an inbox has room for the largest message.
    Group(Box<GroupAsk>),
}

/// The answer to an [`Ask`] of the same name.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The tail's beginning; refused where the partition is unknown.
    Opened(Result<Opened, Refusal>),
    /// Extents that cover the offset and what follows; empty at the high watermark.
    Located(Result<Located, Refusal>),
    /// The offset, or where to look for it.
    Offset(Result<Found, Refusal>),
    /// What became of the topics.
    CreateTopics(CreateTopicsResponse),
    /// What became of the topics.
    DeleteTopics(DeleteTopicsResponse),
    /// What became of the topics.
    CreatePartitions(CreatePartitionsResponse),
    /// What became of the settings.
    AlterConfigs(AlterConfigsResponse),
    /// What became of the quotas.
    AlterQuotas(AlterQuotasResponse),
    /// In the question's order: first offsets now.
    DeleteRecords(Vec<Result<i64, Refusal>>),
    /// The new producer's id; its epoch is 0.
    InitProducer(Result<ProducerId, Refusal>),
    /// In the question's order; nothing of partitions that are gone.
    Sizes(Vec<Option<u64>>),
    /// In the question's order.
    Producers(Vec<Result<Vec<ActiveProducer>, Refusal>>),
    /// The last durable command.
    Position(Lsn),
    /// A consumer group's.
    Group(Box<GroupAnswer>),
}

/// A tail's beginning.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Where it begins and ends.
    pub bounds: Bounds,
    /// At most [`crate::limits::TAIL_EXTENTS_MAX`] of the newest, in order.
    pub recent: Vec<Extent>,
}

/// Where bytes are.
#[derive(Clone, Debug)]
pub struct Located {
    /// The partition's bounds at that moment.
    pub bounds: Bounds,
    /// In order; the first one holds the offset.
    pub extents: Vec<Extent>,
}

/// An offset, or the bytes that hold it.
#[derive(Clone, Debug)]
pub enum Found {
    /// It needs no bytes. Timestamp and offset are -1 where there is none.
    Offset {
        /// The offset.
        offset: i64,
        /// The record's timestamp, or -1.
        timestamp_ms: i64,
    },
    /// The first record in this extent at or after the time, not below the offset; where there is none, ask again from
    /// the end of the extent on.
    Within {
        /// The extent.
        extent: Extent,
        /// The first offset that counts; inside the extent.
        from: i64,
        /// The time, milliseconds.
        timestamp_ms: i64,
    },
}
