//! A topology as it may be stored: Kafka's rules of what an application may ask for.

use std::collections::BTreeSet;
use std::sync::Arc;

use apus_core::api::{Copartitioned, InternalTopic, Subtopology, Topology};
use apus_core::error::{Refusal, Refused};
use apus_core::topic_name;

/// Parts of one topology. Partitions of topics between them are found in as many rounds at most, each of which looks at
/// every name of those not found yet: with names that fill a group's megabyte, 30 million looks at a number.
pub(super) const PARTS_MAX: usize = 512;

/// Kafka's own topics, which no application may touch.
const INTERNAL: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__share_group_state"];

fn invalid<T>(message: impl Into<std::borrow::Cow<'static, str>>) -> Result<T, Refused> {
    Err(Refused::new(Refusal::StreamsInvalidTopology, message))
}

/// The topology as it is stored: its parts in the order of their ids.
///
/// # Errors
/// Where Kafka refuses it, in Kafka's order; or where a part is there twice, refers to nothing, or there are too many.
pub(super) fn checked(topology: &Topology) -> Result<Arc<Topology>, Refused> {
    let named: Vec<&Arc<str>> = topology.subtopologies.iter().flat_map(names).collect();
    let prohibited: Vec<&str> = distinct(&named).filter(|name| INTERNAL.contains(name)).collect();
    if !prohibited.is_empty() {
        let prohibited = prohibited.join(",");
        return invalid(format!(
            "Use of Kafka internal topics {prohibited} in a Kafka Streams topology is prohibited."
        ));
    }
    let wrong: Vec<&str> = distinct(&named).filter(|name| topic_name::check(name).is_err()).collect();
    if !wrong.is_empty() {
        return invalid(format!("Topic names {} are not valid topic names.", wrong.join(",")));
    }
    if topology.subtopologies.iter().any(|part| !part.source_patterns.is_empty()) {
        let message = "Regular expressions for source topics are not supported yet.";
        return Err(Refused::new(Refusal::InvalidRequest, message));
    }
    for topic in topology.subtopologies.iter().flat_map(|part| &part.changelogs) {
        if topic.partitions != 0 {
            return invalid(format!(
                "Changelog topic {} must have an undefined partition count, but it is set to {}.",
                topic.name, topic.partitions
            ));
        }
    }
    if topology.epoch < 0 {
        return Err(Refused::new(Refusal::InvalidRequest, "Topology epoch must be non-negative."));
    } else if topology.subtopologies.len() > PARTS_MAX {
        return invalid(format!("A topology has {PARTS_MAX} subtopologies at most."));
    }
    let mut parts = topology.subtopologies.clone();
    parts.sort_by(|earlier, later| earlier.id.cmp(&later.id));
    if let Some(pair) = parts.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return invalid(format!("Subtopology {} is given twice.", pair[0].id));
    }
    parts.iter().try_for_each(check_part)?;
    Ok(Arc::new(Topology { epoch: topology.epoch, subtopologies: parts }))
}

fn check_part(part: &Subtopology) -> Result<(), Refused> {
    let is_within = |indexes: &[i16], count: usize| {
        indexes.iter().all(|index| usize::try_from(*index).is_ok_and(|index| index < count))
    };
    let is_whole = |group: &Copartitioned| {
        is_within(&group.source_topics, part.source_topics.len())
            && is_within(&group.repartition_sources, part.repartition_sources.len())
            && group.source_patterns.is_empty()
    };
    if !part.copartitioned.iter().all(is_whole) {
        return invalid(format!("A copartition group of subtopology {} names topics that it does not have.", part.id));
    }
    let negative = part.repartition_sources.iter().find(|topic| topic.partitions < 0);
    negative.map_or(Ok(()), |topic: &InternalTopic| {
        invalid(format!("Repartition topic {} has {} partitions.", topic.name, topic.partitions))
    })
}

/// All topics that a part reads, writes or keeps its state in.
fn names(part: &Subtopology) -> impl Iterator<Item = &Arc<str>> {
    let internal = part.repartition_sources.iter().chain(&part.changelogs).map(|topic| &topic.name);
    part.source_topics.iter().chain(&part.repartition_sinks).chain(internal)
}

/// Each name once, as they come.
fn distinct<'a>(names: &'a [&Arc<str>]) -> impl Iterator<Item = &'a str> {
    let mut seen = BTreeSet::new();
    names.iter().map(|name| &***name).filter(move |name| seen.insert(*name))
}

/// The parts that keep a state.
pub(super) fn stateful(topology: &Topology) -> Vec<bool> {
    topology.subtopologies.iter().map(|part| !part.changelogs.is_empty()).collect()
}

/// The index of a part.
pub(super) fn part_index(topology: &Topology, id: &str) -> Option<u32> {
    let found = topology.subtopologies.binary_search_by(|part| (*part.id).cmp(id)).ok()?;
    u32::try_from(found).ok()
}

/// The part that reads a topic; of several, as in Kafka, the last one.
pub(super) fn reader_of(topology: &Topology, topic: &str) -> Option<u32> {
    let reads = |part: &Subtopology| {
        part.source_topics.iter().any(|name| **name == *topic)
            || part.repartition_sources.iter().any(|source| *source.name == *topic)
    };
    topology.subtopologies.iter().rposition(reads).and_then(|found| u32::try_from(found).ok())
}

/// The topics that a group reads, by name.
pub(crate) fn read(topology: &Topology) -> BTreeSet<&str> {
    let external = topology.subtopologies.iter().flat_map(|part| &part.source_topics).map(|name| &**name);
    let internal = topology.subtopologies.iter().flat_map(|part| &part.repartition_sources).map(|topic| &*topic.name);
    external.chain(internal).collect()
}
