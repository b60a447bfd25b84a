//! Share groups (KIP-932): members share the records of a partition, one by one, and acknowledge each.

use std::sync::Arc;

use bytes::Bytes;

use super::{ConsumerDescribeRequest, ConsumerDescribeResponse, ConsumerHeartbeatResponse};
use crate::error::Refused;
use crate::ids::TopicId;

/// The type of a share group, as ListGroups tells it.
pub const SHARE_TYPE: &str = "share";

/// Something of topics, by their names.
pub type OfTopics<T> = Vec<(Arc<str>, Vec<T>)>;

/// By partition index, why something was not done.
pub type Undone = Vec<(i32, Option<Refused>)>;

/// A topic's name, its id (zero where there is none of this name), and whether it was forgotten.
pub type Forgotten = (Arc<str>, TopicId, Result<(), Refused>);

/// What is asked of share groups.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // Kafka's own names.
pub enum ShareRequest {
    Heartbeat(ShareHeartbeatRequest),
    Describe(ConsumerDescribeRequest),
    Fetch(ShareFetchRequest),
    Acknowledge(ShareAcknowledgeRequest),
    DescribeOffsets(DescribeShareOffsetsRequest),
    AlterOffsets(AlterShareOffsetsRequest),
    DeleteOffsets(DeleteShareOffsetsRequest),
}

/// The answer to a [`ShareRequest`] of the same name.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // Kafka's own names.
pub enum ShareResponse {
    Heartbeat(ConsumerHeartbeatResponse),
    Describe(ConsumerDescribeResponse),
    Fetch(ShareFetchResponse),
    Acknowledge(ShareAcknowledgeResponse),
    DescribeOffsets(DescribeShareOffsetsResponse),
    AlterOffsets(AlterShareOffsetsResponse),
    DeleteOffsets(DeleteShareOffsetsResponse),
}

/// A member joins, lives, changes its mind, or leaves.
#[derive(Clone, Debug)]
pub struct ShareHeartbeatRequest {
    /// The group.
    pub group_id: Arc<str>,
    /// The id that it drew.
    pub member_id: Arc<str>,
    /// What it knows of itself: 0 joins, -1 leaves.
    pub member_epoch: i32,
    /// Where it is, if it says so anew.
    pub rack_id: Option<Arc<str>>,
    /// The topics that it wants, if it says so anew.
    pub topics: Option<Vec<Arc<str>>>,
}

/// Of whom records are asked: a member of a group, in a conversation.
#[derive(Clone, Debug)]
pub struct ShareCaller {
    /// The group; empty where none was named.
    pub group_id: Arc<str>,
    /// The member.
    pub member_id: Arc<str>,
    /// 0 opens a session, -1 closes it; otherwise the next of its requests.
    pub session_epoch: i32,
    /// Acknowledgements renew locks, and nothing is fetched.
    pub renews: bool,
    /// The version knows of renewal.
    pub knows_renewal: bool,
}

/// Records to take, and what became of those taken before.
#[derive(Clone, Debug)]
pub struct ShareFetchRequest {
    /// Who asks.
    pub caller: ShareCaller,
    /// How long to wait for `bytes_min`, milliseconds.
    pub wait_ms_max: i32,
    /// Answer as soon as there is so much.
    pub bytes_min: i32,
    /// Answer with no more than this, but for a first batch.
    pub bytes_max: i32,
    /// Take no more than this many records.
    pub records_max: i32,
    /// Partitions that enter the session or are acknowledged.
    pub topics: Vec<ShareTopic>,
    /// Partitions that leave the session.
    pub forgotten: Vec<(TopicId, Vec<i32>)>,
}

/// Partitions of one topic.
#[derive(Clone, Debug)]
pub struct ShareTopic {
    /// Which.
    pub topic: TopicId,
    /// Kafka's index of each, and what is acknowledged in it.
    pub partitions: Vec<(i32, Vec<ShareBatch>)>,
}

/// What became of records of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareBatch {
    /// The first offset.
    pub first: i64,
    /// The last offset.
    pub last: i64,
    /// One word for all of them, or one for each: Kafka's numbers.
    pub types: Vec<i8>,
}

/// What was taken.
#[derive(Clone, Debug)]
pub struct ShareFetchResponse {
    /// Why nothing was.
    pub refused: Option<Refused>,
    /// How long the records are the member's, milliseconds.
    pub lock_ms: i32,
    /// By topic.
    pub topics: Vec<SharedTopic>,
}

/// What was taken of one topic.
#[derive(Clone, Debug)]
pub struct SharedTopic {
    /// Which.
    pub topic: TopicId,
    /// By partition.
    pub partitions: Vec<SharedPartition>,
}

/// What was taken of one partition.
#[derive(Clone, Debug, Default)]
pub struct SharedPartition {
    /// Kafka's partition index.
    pub index: i32,
    /// Why nothing was.
    pub refused: Option<Refused>,
    /// Why its acknowledgements were not taken.
    pub unacknowledged: Option<Refused>,
    /// The records that are the member's now; ascending, apart.
    pub acquired: Vec<Acquired>,
    /// Whole batches that hold them, as slices in order.
    pub records: Vec<Bytes>,
}

/// Records that are a member's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acquired {
    /// The first offset.
    pub first: i64,
    /// The last offset.
    pub last: i64,
    /// How often they were given out, this time included.
    pub deliveries: i16,
}

/// What became of records.
#[derive(Clone, Debug)]
pub struct ShareAcknowledgeRequest {
    /// Who says so.
    pub caller: ShareCaller,
    /// By topic.
    pub topics: Vec<ShareTopic>,
}

/// Whether it was noted.
#[derive(Clone, Debug)]
pub struct ShareAcknowledgeResponse {
    /// Why nothing was.
    pub refused: Option<Refused>,
    /// How long renewed locks last, milliseconds.
    pub lock_ms: i32,
    /// By topic and partition index: why it was not.
    pub topics: Vec<(TopicId, Undone)>,
}

/// How far are these groups?
#[derive(Clone, Debug)]
pub struct DescribeShareOffsetsRequest {
    /// Group by group; by topic name and partition index, or all that it has.
    pub groups: Vec<(Arc<str>, Option<OfTopics<i32>>)>,
}

/// So far.
#[derive(Clone, Debug)]
pub struct DescribeShareOffsetsResponse {
    /// In the request's order.
    pub groups: Vec<DescribedShareOffsets>,
}

/// How far one group is.
#[derive(Clone, Debug)]
pub struct DescribedShareOffsets {
    /// Its id.
    pub group_id: Arc<str>,
    /// By topic, or why not.
    pub result: Result<Vec<ShareOffsets<ShareOffset>>, Refused>,
}

/// Something of each partition of a topic.
#[derive(Clone, Debug)]
pub struct ShareOffsets<T> {
    /// Its name.
    pub name: Arc<str>,
    /// Its id; zero where there is none of this name.
    pub topic: TopicId,
    /// By partition index.
    pub partitions: Vec<(i32, Result<T, Refused>)>,
}

/// Where a share partition begins; -1 where nothing was fetched of it yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareOffset {
    /// The first offset that is not done with.
    pub start: i64,
    /// Records behind it that are not done with, or -1.
    pub lag: i64,
}

/// Start there.
#[derive(Clone, Debug)]
pub struct AlterShareOffsetsRequest {
    /// The group; nobody may be in it.
    pub group_id: Arc<str>,
    /// By topic name, partition index and offset.
    pub topics: OfTopics<(i32, i64)>,
}

/// Whether it will.
#[derive(Clone, Debug)]
pub struct AlterShareOffsetsResponse {
    /// By topic, or why not.
    pub result: Result<Vec<ShareOffsets<()>>, Refused>,
}

/// Forget these topics.
#[derive(Clone, Debug)]
pub struct DeleteShareOffsetsRequest {
    /// The group; nobody may be in it.
    pub group_id: Arc<str>,
    /// Their names.
    pub topics: Vec<Arc<str>>,
}

/// Whether it did.
#[derive(Clone, Debug)]
pub struct DeleteShareOffsetsResponse {
    /// By topic, or why not.
    pub result: Result<Vec<Forgotten>, Refused>,
}

impl ShareResponse {
    /// Tells every refusal in this answer.
    pub(super) fn refusals(&self, mut tell: impl FnMut(crate::error::Refusal)) {
        let mut told = |refused: &Refused| tell(refused.refusal);
        match self {
            ShareResponse::Heartbeat(answer) => answer.result.as_ref().err().into_iter().for_each(told),
            ShareResponse::Describe(answer) => {
                answer.groups.iter().filter_map(|one| one.result.as_ref().err()).for_each(told);
            }
            ShareResponse::Fetch(answer) => {
                answer.refused.iter().for_each(&mut told);
                let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
                partitions.flat_map(|one| one.refused.iter().chain(&one.unacknowledged)).for_each(told);
            }
            ShareResponse::Acknowledge(answer) => {
                answer.refused.iter().for_each(&mut told);
                let partitions = answer.topics.iter().flat_map(|(_, partitions)| partitions);
                partitions.filter_map(|(_, refused)| refused.as_ref()).for_each(told);
            }
            ShareResponse::DescribeOffsets(answer) => {
                answer.groups.iter().filter_map(|one| one.result.as_ref().err()).for_each(&mut told);
                let topics = answer.groups.iter().flat_map(|one| one.result.iter().flatten());
                topics.flat_map(|topic| &topic.partitions).filter_map(|(_, one)| one.as_ref().err()).for_each(told);
            }
            ShareResponse::AlterOffsets(answer) => match &answer.result {
                Err(refused) => told(refused),
                Ok(topics) => {
                    let partitions = topics.iter().flat_map(|topic| &topic.partitions);
                    partitions.filter_map(|(_, one)| one.as_ref().err()).for_each(told);
                }
            },
            ShareResponse::DeleteOffsets(answer) => match &answer.result {
                Err(refused) => told(refused),
                Ok(topics) => topics.iter().filter_map(|(.., one)| one.as_ref().err()).for_each(told),
            },
        }
    }
}
