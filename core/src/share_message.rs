//! What fronts ask of the coordinator about share groups. Whoever decides that records are a member's sits with the
//! groups; the front reads their bytes, or gives the records back where it cannot.

use std::sync::Arc;

use crate::api::{
    Acquired, AlterShareOffsetsRequest, AlterShareOffsetsResponse, ConsumerDescribeRequest, ConsumerDescribeResponse,
    ConsumerHeartbeatResponse, DeleteShareOffsetsRequest, DeleteShareOffsetsResponse, DescribeShareOffsetsRequest,
    DescribeShareOffsetsResponse, DescribedConsumers, DescribedShareOffsets, GroupClient, ShareAcknowledgeRequest,
    ShareAcknowledgeResponse, ShareFetchRequest, ShareHeartbeatRequest,
};
use crate::error::{Refusal, Refused};
use crate::extent::Extent;
use crate::ids::{ConnectionId, PartitionId, TopicId};

/// A question about share groups.
#[derive(Clone, Debug)]
pub enum ShareAsk {
    /// A member beats: answered when what it changes is durable.
    Beat {
        /// What is asked.
        request: Box<ShareHeartbeatRequest>,
        /// By whom.
        client: GroupClient,
    },
    /// At once.
    Describe(ConsumerDescribeRequest),
    /// When there are records, or time is up.
    Fetch {
        /// What is asked.
        request: Box<ShareFetchRequest>,
        /// On which connection: the session ends with it.
        connection: ConnectionId,
    },
    /// When it is durable.
    Acknowledge(Box<ShareAcknowledgeRequest>),
    /// At once.
    DescribeOffsets(DescribeShareOffsetsRequest),
    /// When it is durable.
    AlterOffsets(AlterShareOffsetsRequest),
    /// When it is durable.
    DeleteOffsets(DeleteShareOffsetsRequest),
    /// A connection on which sessions were opened is gone. Nobody waits for the answer.
    Closed(ConnectionId),
    /// Bytes could not be read: these records are nobody's, and were not given out. Nobody waits for the answer.
    Unread(Unread),
}

/// Records that a member did not get after all.
#[derive(Clone, Debug)]
pub struct Unread {
    /// The group.
    pub group_id: Arc<str>,
    /// The member.
    pub member_id: Arc<str>,
    /// By partition.
    pub partitions: Vec<(PartitionId, Vec<Acquired>)>,
}

/// The answer to a [`ShareAsk`] of the same name.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // The questions say it.
pub enum ShareAnswer {
    Beat(ConsumerHeartbeatResponse),
    Describe(ConsumerDescribeResponse),
    Fetch(Result<Granted, Refused>),
    Acknowledge(ShareAcknowledgeResponse),
    DescribeOffsets(DescribeShareOffsetsResponse),
    AlterOffsets(AlterShareOffsetsResponse),
    DeleteOffsets(DeleteShareOffsetsResponse),
    /// To whom nobody waits for.
    Noted,
}

/// Records that are a member's now, and where their bytes are.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The group.
    pub group_id: Arc<str>,
    /// The member.
    pub member_id: Arc<str>,
    /// For how long, milliseconds.
    pub lock_ms: i32,
    /// Partitions that there is something to say about.
    pub partitions: Vec<GrantedPartition>,
}

/// What a member gets of one partition.
#[derive(Clone, Debug)]
pub struct GrantedPartition {
    /// Its topic.
    pub topic: TopicId,
    /// Kafka's index.
    pub index: i32,
    /// The ledger's number; of an unknown one, 0.
    pub partition: PartitionId,
    /// Why there is nothing.
    pub refused: Option<Refused>,
    /// Why its acknowledgements were not taken.
    pub unacknowledged: Option<Refused>,
    /// The records; ascending, apart.
    pub acquired: Vec<Acquired>,
    /// Where they are, in order: each extent holds some of them.
    pub extents: Vec<Extent>,
}

impl ShareAsk {
    /// True where it may change what is durable: those keep their order.
    #[must_use]
    pub fn writes(&self) -> bool {
        !matches!(self, ShareAsk::Describe(_) | ShareAsk::DescribeOffsets(_))
    }

    /// The answer that refuses all of it.
    #[must_use]
    pub fn refused(self, refusal: Refusal) -> ShareAnswer {
        let refused = Refused::from(refusal);
        match self {
            ShareAsk::Beat { .. } => ShareAnswer::Beat(ConsumerHeartbeatResponse { result: Err(refused) }),
            ShareAsk::Describe(request) => {
                let describe = |group_id| DescribedConsumers { group_id, result: Err(refused.clone()) };
                ShareAnswer::Describe(ConsumerDescribeResponse {
                    groups: request.groups.into_iter().map(describe).collect(),
                    authorized_operations: request.authorized_operations,
                })
            }
            ShareAsk::Fetch { .. } => ShareAnswer::Fetch(Err(refused)),
            ShareAsk::Acknowledge(_) => ShareAnswer::Acknowledge(ShareAcknowledgeResponse {
                refused: Some(refused),
                lock_ms: 0,
                topics: Vec::new(),
            }),
            ShareAsk::DescribeOffsets(request) => {
                let describe = |(group_id, _)| DescribedShareOffsets { group_id, result: Err(refused.clone()) };
                let groups = request.groups.into_iter().map(describe).collect();
                ShareAnswer::DescribeOffsets(DescribeShareOffsetsResponse { groups })
            }
            ShareAsk::AlterOffsets(_) => ShareAnswer::AlterOffsets(AlterShareOffsetsResponse { result: Err(refused) }),
            ShareAsk::DeleteOffsets(_) => {
                ShareAnswer::DeleteOffsets(DeleteShareOffsetsResponse { result: Err(refused) })
            }
            ShareAsk::Closed(_) | ShareAsk::Unread(_) => ShareAnswer::Noted,
        }
    }
}
