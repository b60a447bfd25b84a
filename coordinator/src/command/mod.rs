//! What the journal holds: commands, each in an envelope, each in a frame.
//!
//! A command is a decision that was made: everything that applying it needs (ids, times, offsets that a leader chose)
//! is inside, so that the ledger computes the same state everywhere. The types
//! here are the domain's; what is stored are the frozen types of `stored`, one for each command and version.
//! A layout is never edited: a change is a new version beside the old one, and the golden files keep both readable.

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_core::batch::BatchFacts;
use apus_core::config::ResourceKind;
use apus_core::extent::Placed;
use apus_core::ids::{BrokerId, Incarnation, Lsn, PackId, PartitionId, TopicId};
use apus_core::message::Trim;
use apus_core::quota::{QuotaEntity, Quotas};

mod codec;
pub mod consumers;
pub mod frame;
pub mod group;
pub mod shares;
mod stored;
pub mod streams;

pub use codec::{decode, encode};
pub use consumers::{ChangeConsumers, ClassicSide, StoredConsumer, StoredConsumers};
pub use frame::Corrupt;
pub use group::{CommitOffsets, StoredGroup, StoredMember};
pub use shares::{ChangeShares, StoredShare};
pub use streams::{ChangeStreams, StoredStreamer, StoredStreams};

/// The level of formats that this binary writes, and the highest one that it can lead.
pub const FORMAT_LEVEL: u16 = 1;

/// A command and the circumstances in which it was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The format level at which the cluster ran.
    pub level: u16,
    /// On whose behalf; empty for the broker itself, and for clients as long as listeners do not authenticate them.
    pub principal: Arc<str>,
    /// The leader's wall time, milliseconds. The ledger's clock is the highest one it was ever told.
    pub wall_ms: i64,
    /// What was decided.
    pub command: Command,
}

impl Envelope {
    /// A command of the broker itself, at the present format level.
    #[must_use]
    pub fn internal(wall_ms: i64, command: Command) -> Envelope {
        Envelope { level: FORMAT_LEVEL, principal: Arc::from(""), wall_ms, command }
    }
}

/// A change of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// The journal was opened for writing.
    Begin {
        /// How often, counting this time.
        incarnation: Incarnation,
        /// Drawn anew each time, so that two lives of one journal differ.
        nonce: u128,
    },
    /// A topic comes to be.
    CreateTopic(CreateTopic),
    /// A topic goes, and its partitions with it.
    DeleteTopic {
        /// Which incarnation of its name.
        id: TopicId,
    },
    /// A topic gets more partitions, with the next numbers in order.
    GrowTopic {
        /// Which incarnation of its name.
        id: TopicId,
        /// How many partitions it has from now on, in all.
        partitions: u32,
    },
    /// A topic is set up anew.
    ConfigureTopic {
        /// Which incarnation of its name.
        id: TopicId,
        /// All that is set from now on, by key, checked.
        configs: BTreeMap<String, String>,
    },
    /// A broker's settings, or those of all brokers, are changed at run time.
    ConfigureBroker {
        /// Which broker; nothing: all of them.
        broker: Option<BrokerId>,
        /// All that is set from now on, by key, checked.
        configs: BTreeMap<String, String>,
    },
    /// A group, or a subscription to metrics of clients, is set up anew.
    ConfigureResource {
        /// What it is.
        kind: ResourceKind,
        /// Its name, not empty.
        name: Arc<str>,
        /// All that is set from now on, by key, checked; nothing: it goes.
        configs: BTreeMap<String, String>,
    },
    /// An entity's clients are bounded anew.
    SetQuotas {
        /// Whom.
        entity: QuotaEntity,
        /// All that is set from now on; nothing: it goes.
        quotas: Arc<Quotas>,
    },
    /// Producer ids below this may be handed out.
    ReserveProducerIds {
        /// The id behind the last one.
        end: i64,
    },
    /// A flush gets its offsets.
    Commit(Commit),
    /// Bytes moved out of the journal.
    Rehome(Rehome),
    /// First offsets move up. An empty one carries on with what is left of earlier removals.
    Trim(Vec<Trim>),
    /// The pack is about to be deleted as an orphan: a commit of it that still comes is refused.
    Abandon {
        /// Which.
        pack: PackId,
    },
    /// The lives of a broker before this one are over: no commit of a pack of theirs comes any more, and one that did
    /// would be refused. What became of their packs is forgotten.
    CloseLives {
        /// Whose.
        broker: BrokerId,
        /// The first life that is not over.
        before: Incarnation,
    },
    /// Dead objects were deleted from the store.
    ObjectsDeleted {
        /// Which.
        packs: Vec<PackId>,
    },
    /// Producers without a batch since then are forgotten.
    ExpireProducers {
        /// Journaled time, milliseconds.
        before_ms: i64,
    },
    /// A group stands so now: whatever was stored of it before gives way.
    StoreGroup(Arc<StoredGroup>),
    /// A group without members goes, and its offsets with it.
    RemoveGroup {
        /// Its name.
        id: Arc<str>,
    },
    /// A group of the consumer protocol changed.
    ChangeConsumers(Arc<ChangeConsumers>),
    /// A streams group changed.
    ChangeStreams(Arc<ChangeStreams>),
    /// A group came so far.
    CommitOffsets(CommitOffsets),
    /// A group forgets how far it came.
    RemoveOffsets {
        /// The group.
        group: Arc<str>,
        /// Where; at most [`group::OFFSETS_MAX`].
        partitions: Vec<PartitionId>,
    },
    /// A share group changed: its members, as those of the consumer protocol stand.
    ChangeSharers(Arc<ChangeConsumers>),
    /// Share partitions changed.
    ChangeShares(Arc<ChangeShares>),
    /// A share group forgets how far it came.
    RemoveShares {
        /// The group.
        group: Arc<str>,
        /// Where; at most [`apus_core::limits::SHARE_CHANGES_MAX`].
        partitions: Vec<PartitionId>,
    },
    /// What the leader's state amounted to behind a position: whoever differs must halt.
    Digest {
        /// The position of the command before this one.
        lsn: Lsn,
        /// The digest of the state behind it.
        digest: u64,
    },
}

/// Where a topic's records live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TopicKind {
    /// In the object store.
    Diskless,
    /// On the disks of brokers.
    Classic,
}

/// A topic that comes to be. Its partitions get the next numbers in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTopic {
    /// Its id, never zero, drawn by the leader.
    pub id: TopicId,
    /// Its name, checked.
    pub name: Arc<str>,
    /// Where its records live.
    pub kind: TopicKind,
    /// How many partitions, at least 1.
    pub partitions: u32,
    /// As the creator asked; stored and echoed.
    pub replication_factor: i16,
    /// What the creator set, by key, checked.
    pub configs: BTreeMap<String, String>,
}

/// A flush whose bytes are durable, or become so together with this command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The object that holds the bytes; nothing: they ride behind this command in the journal.
    pub stored: Option<PackId>,
    /// The object's length, footer included; of inline bytes, their length.
    pub object_bytes: u64,
    /// In byte order, grouped by partition; at most [`apus_core::limits::PACK_BATCHES_MAX`].
    pub batches: Vec<CommitEntry>,
}

/// One batch of a [`Commit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitEntry {
    /// Whose.
    pub partition: PartitionId,
    /// Its first byte inside the pack.
    pub position: u32,
    /// What its header says.
    pub facts: BatchFacts,
}

/// Bytes that a spill wrote into a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehome {
    /// The object that holds them now.
    pub pack: PackId,
    /// Its length, footer included.
    pub object_bytes: u64,
    /// The journal homes that were read, ascending: only extents in these are replaced.
    pub emptied: Vec<Lsn>,
    /// The new extents; each replaces the extents of its partition inside its offsets, where they still live. At most
    /// [`apus_core::limits::PACK_BATCHES_MAX`].
    pub moves: Vec<Placed>,
}
