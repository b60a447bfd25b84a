//! One heartbeat: who speaks, what that changes, and what is answered. A function of what is stored and remembered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::api::{
    EndpointPartitions, GroupClient, NewTopic, StreamsBeat, StreamsHeartbeatRequest, StreamsStatus, StreamsStatusKind,
    TaskOffset, Topology,
};
use apus_core::error::{Refusal, Refused};
use apus_core::limits;
use apus_core::time::Instant;

use super::assign::{Wanted, assign};
use super::configured::{Configured, configure};
use super::endpoints::endpoints;
use super::next::Next;
use super::reconcile::{Held, Owned, reconcile};
use super::rules::Rules;
use super::tasks::{resolve, sets};
use super::topology::{checked, part_index, stateful};
use super::{Live, Memory};
use crate::command::consumers::AWAY;
use crate::command::streams::{ChangeStreams, NOT_READY, StoredStreamer, StoredStreams, Task, Tasks, topology_bytes};
use crate::ledger::Ledger;

/// Topics of one application are created this often at most: each time costs a look at every name that there is.
const CREATE_MS: u64 = 1_000;

/// What a heartbeat comes to.
#[derive(Debug)]
pub(crate) struct Step {
    /// What is to be stored before the answer leaves, if anything.
    pub(crate) change: Option<ChangeStreams>,
    /// The answer.
    pub(crate) beat: StreamsBeat,
    /// The member gives tasks back, and may take so long, milliseconds.
    pub(crate) revokes_ms: Option<u64>,
    /// What is to be remembered.
    pub(crate) memory: Memory,
    /// How far states came, where the member said.
    pub(crate) said: Said,
    /// Topics of the application that are to be created.
    pub(crate) missing: Vec<NewTopic>,
    /// Topics were looked at for it, as they are now.
    pub(crate) looks: bool,
}

/// One who speaks.
struct Arrival {
    /// As stored.
    before: Option<StoredStreamer>,
    /// As it begins.
    member: StoredStreamer,
    /// Whom it takes the place of.
    left: Vec<Arc<str>>,
    owned: Option<Owned>,
    /// It is new.
    changed: bool,
}

/// How far the states of a member came, where it said so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) offsets: Option<BTreeMap<Task, i64>>,
    pub(crate) end_offsets: Option<BTreeMap<Task, i64>>,
}

/// What a heartbeat is judged by.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) request: &'a StreamsHeartbeatRequest,
    pub(crate) client: &'a GroupClient,
    pub(crate) ledger: &'a Ledger,
    pub(crate) rules: &'a Rules,
    /// What is remembered of the group.
    pub(crate) live: &'a Live,
    /// Topics changed since this group was looked at.
    pub(crate) topics_changed: bool,
    pub(crate) now: Instant,
}

fn refused<T>(refusal: Refusal, message: String) -> Result<T, Refused> {
    Err(Refused::new(refusal, message))
}

/// Kafka's rules of what a request must say at all; of one who joins, its topology as it is stored.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn validate(request: &StreamsHeartbeatRequest) -> Result<Option<Arc<Topology>>, Refused> {
    let invalid = |message: &'static str| Err(Refused::new(Refusal::InvalidRequest, message));
    let is_empty = |text: &Option<Arc<str>>| text.as_deref() == Some("");
    let topology = request.topology.as_ref().map(checked).transpose()?;
    let joins = request.member_epoch == 0;
    let lists = [&request.active, &request.standby, &request.warmup];
    let told = lists.iter().filter(|list| list.is_some()).count();
    if request.member_id.is_empty() {
        return invalid("MemberId can't be empty.");
    } else if request.group_id.is_empty() {
        return invalid("GroupId can't be empty.");
    } else if is_empty(&request.instance_id) {
        return invalid("InstanceId can't be empty.");
    } else if is_empty(&request.rack_id) {
        return invalid("RackId can't be empty.");
    } else if joins && request.rebalance_timeout_ms.is_none() {
        return invalid("RebalanceTimeoutMs must be provided in first request.");
    } else if joins && request.active.as_ref().is_none_or(|list| !list.is_empty()) {
        return invalid("ActiveTasks must be empty when (re-)joining.");
    } else if joins && request.standby.as_ref().is_none_or(|list| !list.is_empty()) {
        return invalid("StandbyTasks must be empty when (re-)joining.");
    } else if joins && request.warmup.as_ref().is_none_or(|list| !list.is_empty()) {
        return invalid("WarmupTasks must be empty when (re-)joining.");
    } else if joins && topology.is_none() {
        return invalid("Topology must be non-null when (re-)joining.");
    } else if request.member_epoch == AWAY && request.instance_id.is_none() {
        return invalid("InstanceId can't be null.");
    } else if request.member_epoch < AWAY {
        let epoch = request.member_epoch;
        let message = format!("MemberEpoch is {epoch}, but must be greater than or equal to -2.");
        return refused(Refusal::InvalidRequest, message);
    } else if told != 0 && told != lists.len() {
        return invalid("If one task-type is non-null, all must be non-null.");
    } else if !joins && topology.is_some() {
        return invalid("Topology can only be provided when (re-)joining.");
    }
    Ok(topology)
}

impl Scene<'_> {
    /// Answers a heartbeat of one who joins or lives, with its topology as [`validate`] returned it; the group may be new.
    ///
    /// # Errors
    /// Where it is no member, or not the one that it believes to be.
    pub(crate) fn beat(&self, group: &StoredStreams, joined: Option<Arc<Topology>>) -> Result<Step, Refused> {
        let Arrival { before, mut member, left, owned, changed } = self.arrive(group)?;
        let was = member.clone();
        self.update(&mut member);
        let changed = changed || self.matters(&was, &member);
        let others = |one: &&Arc<StoredStreamer>| one.id != self.request.member_id && !left.contains(&one.id);
        let others: Vec<&Arc<StoredStreamer>> = group.members.values().filter(others).collect();
        let topology = known_or_joined(group, joined)?;
        let bytes: u64 = others.iter().map(|one| one.own_bytes()).sum::<u64>() + member.own_bytes();
        if bytes + topology_bytes(&topology) > limits::GROUP_MEMBERS_BYTES_MAX {
            return refused(Refusal::GroupMaxSizeReached, "The group's members say too much of themselves.".to_owned());
        }
        let is_new = group.topology.is_none();
        let mut memory = self.live.memory.clone();
        let known = memory.configured.take().filter(|_| !self.topics_changed && !is_new);
        let looks = known.is_none();
        let configured = match known {
            Some(configured) => configured,
            None => Arc::new(configure(&topology, self.ledger)?),
        };
        memory.configured = Some(Arc::clone(&configured));
        self.check_tasks(&configured, &topology)?;
        let said = self.said(&topology, &configured)?;
        let mut next = Next::of(group);
        next.look(self.rules, &configured, &topology, changed);
        if group.members.is_empty() {
            memory.delayed_until = self.now.after_ms(self.rules.initial_delay_ms);
        }
        let mut statuses = stale(group.topology.as_deref(), &member);
        let mut moved = Vec::new();
        match self.delay(&memory).filter(|_| next.epoch > next.target_epoch) {
            Some(status) => statuses.push(status),
            None if next.epoch > next.target_epoch => {
                memory.assign_at = self.now.after_ms(self.rules.assignment_ms);
                moved = self.assign(&mut next, &mut member, &others, &configured, &topology);
            }
            None => {}
        }
        let waits = !member.is_settled(next.target_epoch);
        let held = if waits { Held::of(&member.process_id, &others) } else { Held::default() };
        reconcile(&mut member, next.target_epoch, owned.as_ref(), &held);
        self.remember(&mut memory, &was, &member);
        let missing = self.missing(&mut memory, &configured);
        statuses.extend(configured.problem.clone().map(|problem| memory.explained(problem)));
        statuses.extend(self.orders(&memory, &member));
        let shown = others.iter().map(|one| &***one).chain([&member]);
        let is_news = memory.endpoint_epoch != self.request.endpoint_epoch;
        let shown = is_news.then(|| endpoints(shown, &topology, &configured, self.ledger));
        let beat = self.told(&was, &member, &topology, statuses, (memory.endpoint_epoch, shown));
        let revokes = !member.revoking.is_empty();
        let revokes_ms = revokes.then(|| u64::try_from(member.rebalance_timeout_ms).unwrap_or(0));
        if before.as_ref() != Some(&member) {
            moved.push(Arc::new(member));
        }
        let change = next.change(group, &self.request.group_id, is_new.then_some(topology), left, moved);
        Ok(Step { change, beat, revokes_ms, memory, said, missing, looks })
    }

    /// Who speaks: as stored, or new; and who gives way to it.
    fn arrive(&self, group: &StoredStreams) -> Result<Arrival, Refused> {
        let request = self.request;
        let owned = self.owned(group.topology.as_deref());
        let before = self.member(group, owned.as_ref())?;
        let gone = before.iter().map(|one| Arc::clone(&one.id)).filter(|id| *id != request.member_id);
        let left: Vec<Arc<str>> = gone.collect();
        let mut member = before.clone().unwrap_or_else(|| self.newcomer());
        if !left.is_empty() || (request.member_epoch == 0 && member.epoch == AWAY) {
            (member.id, member.epoch, member.previous_epoch) = (Arc::clone(&request.member_id), 0, 0);
        }
        Ok(Arrival { changed: before.is_none(), before, member, left, owned })
    }

    /// What is not durable of what a heartbeat changes.
    fn remember(&self, memory: &mut Memory, was: &StoredStreamer, member: &StoredStreamer) {
        let moved = was.assigned != member.assigned && member.endpoint.is_some();
        if was.endpoint != member.endpoint || moved {
            memory.endpoint_epoch = memory.endpoint_epoch.wrapping_add(1);
        }
        if self.request.shutdown && memory.shutdown_by.is_none() {
            memory.shutdown_by = Some(Arc::clone(&self.request.member_id));
        }
    }

    /// Topics that are to be created now.
    fn missing(&self, memory: &mut Memory, configured: &Configured) -> Vec<NewTopic> {
        if configured.missing.is_empty() || self.now < memory.create_at {
            return Vec::new();
        }
        memory.create_at = self.now.after_ms(CREATE_MS);
        configured.missing.clone()
    }

    fn told(
        &self,
        was: &StoredStreamer,
        member: &StoredStreamer,
        topology: &Topology,
        statuses: Vec<StreamsStatus>,
        (endpoint_epoch, endpoints): (i32, Option<Vec<EndpointPartitions>>),
    ) -> StreamsBeat {
        let is_told = self.request.member_epoch == 0 || was.assigned != member.assigned;
        StreamsBeat {
            member_id: Arc::clone(&member.id),
            member_epoch: member.epoch,
            interval_ms: self.rules.interval_ms,
            acceptable_lag: self.rules.acceptable_lag,
            offset_interval_ms: self.rules.offset_interval_ms,
            statuses,
            tasks: is_told.then(|| sets(&member.assigned, topology)),
            endpoint_epoch,
            endpoints,
        }
    }

    /// What it says that it has.
    fn owned(&self, topology: Option<&Topology>) -> Option<Owned> {
        let request = self.request;
        let (active, standby, warmup) = (request.active.as_ref()?, request.standby.as_ref()?, request.warmup.as_ref()?);
        let (active, strange) = resolve(active, topology);
        let (standby, stranger) = resolve(standby, topology);
        let tasks = Tasks { active: active.into_iter().map(|task| (task, 0)).collect(), standby };
        // Nobody is given tasks to build states up for.
        let unknown = strange || stranger || !warmup.is_empty();
        Some(Owned { tasks, unknown })
    }

    /// The member that speaks, as it is stored; nothing where it is new.
    fn member(&self, group: &StoredStreams, owned: Option<&Owned>) -> Result<Option<StoredStreamer>, Refused> {
        let (request, id) = (self.request, &self.request.member_id);
        let joins = request.member_epoch == 0;
        let static_one = request.instance_id.as_ref().and_then(|instance| group.of_instance(instance));
        let is_full = group.members.len() >= self.rules.members_max && !group.members.contains_key(id);
        if joins && static_one.is_none() && is_full {
            let most = self.rules.members_max;
            let message = format!("The streams group has reached its maximum capacity of {most} members.");
            return refused(Refusal::GroupMaxSizeReached, message);
        }
        let found = match (&request.instance_id, static_one) {
            (None, _) => group.members.get(id),
            (Some(_), Some(owner)) if joins && owner.epoch == AWAY => return Ok(Some(StoredStreamer::clone(owner))),
            (Some(instance), Some(owner)) if joins && owner.id != *id => {
                let message = format!(
                    "Static member {id} with instance id {instance} cannot join the group because the instance id is \
                     owned by {} member.",
                    owner.id
                );
                return refused(Refusal::UnreleasedInstanceId, message);
            }
            (Some(instance), Some(owner)) if owner.id != *id => {
                let message =
                    format!("Static member {id} with instance id {instance} was fenced by member {}.", owner.id);
                return refused(Refusal::FencedInstanceId, message);
            }
            (Some(instance), None) if !joins => {
                return refused(Refusal::UnknownMemberId, format!("Instance id {instance} is unknown."));
            }
            (Some(_), owner) => owner,
        };
        let Some(member) = found else {
            // An id that another name holds is not free either.
            let free = joins && !group.members.contains_key(id);
            let message = format!("Member {id} is not a member of group {}.", request.group_id);
            return if free { Ok(None) } else { refused(Refusal::UnknownMemberId, message) };
        };
        fence(request.member_epoch, member, owned)?;
        Ok(Some(StoredStreamer::clone(member)))
    }

    fn newcomer(&self) -> StoredStreamer {
        StoredStreamer {
            id: Arc::clone(&self.request.member_id),
            instance_id: self.request.instance_id.clone(),
            rack_id: None,
            client: self.client.clone(),
            rebalance_timeout_ms: 0,
            topology_epoch: NOT_READY,
            process_id: Arc::from(""),
            endpoint: None,
            tags: Vec::new(),
            epoch: 0,
            previous_epoch: 0,
            assigned: Tasks::default(),
            revoking: Tasks::default(),
            target: Tasks::default(),
        }
    }

    /// What it says of itself now.
    fn update(&self, member: &mut StoredStreamer) {
        let request = self.request;
        member.client = self.client.clone();
        member.rack_id = request.rack_id.clone().or_else(|| member.rack_id.take());
        member.rebalance_timeout_ms = request.rebalance_timeout_ms.unwrap_or(member.rebalance_timeout_ms);
        member.topology_epoch = request.topology.as_ref().map_or(member.topology_epoch, |topology| topology.epoch);
        if let Some(process_id) = &request.process_id {
            member.process_id = Arc::clone(process_id);
        }
        if let Some(tags) = &request.tags {
            let tags: BTreeMap<_, _> = tags.iter().cloned().collect();
            member.tags = tags.into_iter().collect();
        }
        if request.member_epoch == 0 || request.endpoint.is_some() {
            member.endpoint = request.endpoint.clone();
        }
    }

    /// Whether tasks are to be assigned anew for what it says: of a static member only what matters to placement does.
    fn matters(&self, was: &StoredStreamer, member: &StoredStreamer) -> bool {
        let matters = was.topology_epoch != member.topology_epoch
            || was.rack_id != member.rack_id
            || was.tags != member.tags
            || was.process_id != member.process_id;
        matters || (self.request.instance_id.is_none() && was != member)
    }

    /// Kafka's test of tasks that a member names, once it is known which there are.
    fn check_tasks(&self, configured: &Configured, topology: &Topology) -> Result<(), Refused> {
        let Some(counts) = configured.counts.as_ref().filter(|_| configured.is_ready()) else { return Ok(()) };
        let lists = [&self.request.active, &self.request.standby, &self.request.warmup];
        for (id, partitions) in lists.into_iter().flatten().flatten() {
            let Some(count) = part_index(topology, id).and_then(|part| counts.get(part as usize)) else {
                let message = format!("Subtopology {id} does not exist in the topology.");
                return refused(Refusal::InvalidRequest, message);
            };
            let wrong = partitions.iter().find(|one| !u32::try_from(**one).is_ok_and(|one| one < *count));
            if let Some(wrong) = wrong {
                let message = format!(
                    "Task {wrong} for subtopology {id} is invalid. Number of tasks for this subtopology: {count}"
                );
                return refused(Refusal::InvalidRequest, message);
            }
        }
        Ok(())
    }

    /// How far states came; what is said of tasks that there are not is nothing.
    fn said(&self, topology: &Topology, configured: &Configured) -> Result<Said, Refused> {
        let read = |offsets: &Vec<TaskOffset>| {
            let (mut seen, mut known) = (BTreeSet::new(), BTreeMap::new());
            for offset in offsets {
                let (id, partition) = (&offset.subtopology, offset.partition);
                if !seen.insert((id, partition)) {
                    let message = format!(
                        "Task offsets contain a duplicate entry for subtopology {id} and partition {partition}."
                    );
                    return refused(Refusal::InvalidRequest, message);
                }
                let count = part_index(topology, id).zip(configured.counts.as_ref());
                let task = count.zip(u32::try_from(partition).ok());
                if let Some(((part, _), partition)) = task.filter(|((part, counts), at)| counts[*part as usize] > *at) {
                    known.insert(Task { subtopology: part, partition }, offset.offset);
                }
            }
            Ok(known)
        };
        Ok(Said {
            offsets: self.request.offsets.as_ref().map(read).transpose()?,
            end_offsets: self.request.end_offsets.as_ref().map(read).transpose()?,
        })
    }

    /// Why tasks are not assigned yet, if they are not.
    fn delay(&self, memory: &Memory) -> Option<StreamsStatus> {
        let reason = if self.now < memory.delayed_until {
            "initial rebalance delay"
        } else if self.now < memory.assign_at {
            "assignment interval"
        } else {
            return None;
        };
        let detail = Arc::from(format!("Assignment delayed due to the configured {reason}."));
        Some(StreamsStatus { kind: StreamsStatusKind::AssignmentDelayed, detail })
    }

    /// Assigns anew; the others whose targets changed.
    fn assign(
        &self,
        next: &mut Next,
        member: &mut StoredStreamer,
        others: &[&Arc<StoredStreamer>],
        configured: &Configured,
        topology: &Topology,
    ) -> Vec<Arc<StoredStreamer>> {
        let mut all: Vec<&StoredStreamer> = others.iter().map(|one| &***one).chain([&*member]).collect();
        all.sort_by(|earlier, later| earlier.id.cmp(&later.id));
        let counts = configured.counts.as_deref().filter(|_| configured.is_ready()).unwrap_or_default();
        let wanted = Wanted {
            counts,
            stateful: &stateful(topology),
            replicas: self.rules.standby_replicas,
            offsets: &self.live.offsets.reached,
        };
        let shares = assign(&all, &wanted);
        next.target_epoch = next.epoch;
        let (mut changed, mut own) = (Vec::new(), Tasks::default());
        for (one, target) in all.into_iter().zip(shares) {
            if one.id == member.id {
                own = target;
            } else if one.target != target {
                changed.push(Arc::new(StoredStreamer { target, ..one.clone() }));
            }
        }
        member.target = own;
        changed
    }

    /// What everyone is told, and the member alone.
    fn orders(&self, memory: &Memory, member: &StoredStreamer) -> Vec<StreamsStatus> {
        let mut orders = Vec::new();
        if let Some(id) = &memory.shutdown_by {
            let detail = format!(
                "Streams group member {id} encountered a fatal error and requested a shutdown for the entire application."
            );
            orders.push(StreamsStatus { kind: StreamsStatusKind::ShutdownApplication, detail: Arc::from(detail) });
        }
        let has = |tag: &&str| member.tags.iter().any(|(key, _)| **key == **tag);
        let missing: Vec<&str> = self.rules.tags().filter(|tag| !has(tag)).collect();
        if self.request.knows_missing_tags && !missing.is_empty() {
            let missing = missing.join(", ");
            let detail = format!(
                "Missing required client tags for rack-aware standby assignment: [{missing}]. Configure them via \
                 'client.tag.<tagKey>' in your Streams config."
            );
            orders.push(StreamsStatus { kind: StreamsStatusKind::MissingClientTags, detail: Arc::from(detail) });
        }
        orders
    }
}

/// The topology that the group goes by: a group keeps its first one.
fn known_or_joined(group: &StoredStreams, joined: Option<Arc<Topology>>) -> Result<Arc<Topology>, Refused> {
    match (&group.topology, joined) {
        (Some(known), Some(joined)) if known.epoch <= joined.epoch && *known != joined => {
            refused(Refusal::InvalidRequest, "Topology updates are not supported yet.".to_owned())
        }
        (Some(known), _) => Ok(Arc::clone(known)),
        (None, Some(joined)) => Ok(joined),
        (None, None) => refused(Refusal::InvalidRequest, "The group has no topology.".to_owned()),
    }
}

fn stale(known: Option<&Topology>, member: &StoredStreamer) -> Vec<StreamsStatus> {
    let behind = known.filter(|topology| member.topology_epoch < topology.epoch);
    let status = behind.map(|topology| {
        let detail = format!(
            "The member's topology epoch {} is behind the group's topology epoch {}.",
            member.topology_epoch, topology.epoch
        );
        StreamsStatus { kind: StreamsStatusKind::StaleTopology, detail: Arc::from(detail) }
    });
    status.into_iter().collect()
}

/// Kafka's test of the epoch that a member believes in. One that did not hear of its newest one may say the one before,
/// as long as it has nothing that is not its own; one that joins is believed.
fn fence(received: i32, member: &StoredStreamer, owned: Option<&Owned>) -> Result<(), Refused> {
    let is_own = |owned: &Owned| !owned.unknown && owned.tasks.is_within(&member.assigned);
    let tardy = received == member.previous_epoch && owned.is_some_and(is_own);
    if received == 0 || received == member.epoch || (received < member.epoch && tardy) {
        return Ok(());
    }
    let than = if received > member.epoch { "greater" } else { "smaller" };
    let message = format!(
        "The streams group member has a {than} member epoch ({received}) than the one known by the group coordinator \
         ({}). The member must abandon all its partitions and rejoin.",
        member.epoch
    );
    refused(Refusal::FencedMemberEpoch, message)
}
