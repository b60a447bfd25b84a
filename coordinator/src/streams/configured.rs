//! Whether the topics of a topology are there as it needs them, and which the coordinator is to create.
//!
//! Source topics must exist. A topic between two parts has as many partitions as its writer has tasks, unless the
//! application fixed it; topics that are joined have equally many; a changelog has one for each task of its part.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::api::{InternalTopic, NewTopic, StreamsStatus, StreamsStatusKind, Subtopology, Topology};
use apus_core::error::{Refusal, Refused};
use apus_core::limits;

use crate::ledger::Ledger;
use crate::ledger::record::hash;

/// Names that a status tells.
const TOLD_MAX: usize = 3;

/// What became of a topology.
#[derive(Debug, Default)]
pub(crate) struct Configured {
    /// How many tasks each part has, in their order; nothing where topics keep that from being known.
    pub(crate) counts: Option<Vec<u32>>,
    /// How many partitions each topic of the application has, or is to have.
    pub(crate) partitions: BTreeMap<Arc<str>, u32>,
    /// Topics of the application that are not there.
    pub(crate) missing: Vec<NewTopic>,
    /// What keeps the group from its work.
    pub(crate) problem: Option<StreamsStatus>,
    /// A number that changes whenever a topic of it does.
    pub(crate) hash: u64,
}

impl Configured {
    /// True where all topics are there.
    pub(crate) fn is_ready(&self) -> bool {
        self.problem.is_none()
    }
}

/// Why a topology comes to nothing: for the time being, or for good.
enum Fault {
    Status(StreamsStatus),
    Invalid(Refused),
}

fn status(kind: StreamsStatusKind, detail: String) -> Fault {
    Fault::Status(StreamsStatus { kind, detail: Arc::from(detail) })
}

fn uneven(detail: String) -> Fault {
    status(StreamsStatusKind::IncorrectlyPartitionedTopics, detail)
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::Invalid(Refused::new(Refusal::StreamsInvalidTopology, message))
}

/// Looks at the topics of a topology.
///
/// # Errors
/// Where no topics would do.
pub(crate) fn configure(topology: &Topology, ledger: &Ledger) -> Result<Configured, Refused> {
    let hash = topics_hash(topology, ledger);
    match Plan::new(topology, ledger).and_then(Plan::finish) {
        Ok(configured) => Ok(Configured { hash, ..configured }),
        Err(Fault::Status(problem)) => Ok(Configured { problem: Some(problem), hash, ..Configured::default() }),
        Err(Fault::Invalid(refused)) => Err(refused),
    }
}

/// Stands for the topics that are there, and their partitions.
fn topics_hash(topology: &Topology, ledger: &Ledger) -> u64 {
    let needed: BTreeSet<&Arc<str>> = topology.subtopologies.iter().flat_map(needed).collect();
    let found = needed.into_iter().filter_map(|name| ledger.topic_named(name));
    found.map(|record| hash(u64::from(record.partitions()), &record.id.0)).fold(0, u64::wrapping_add)
}

fn needed(part: &Subtopology) -> impl Iterator<Item = &Arc<str>> {
    let internal = part.repartition_sources.iter().chain(&part.changelogs).map(|topic| &topic.name);
    part.source_topics.iter().chain(internal)
}

/// A part with its topics as numbers.
struct Part<'a> {
    part: &'a Subtopology,
    sources: Vec<usize>,
    repartition_sources: Vec<usize>,
    sinks: Vec<usize>,
}

/// Topics by number, and what is known of each.
struct Plan<'a> {
    names: Vec<&'a Arc<str>>,
    /// Partitions of those that exist.
    existing: Vec<Option<u32>>,
    /// Partitions that topics of the application are to have.
    decided: Vec<Option<u32>>,
    /// The application itself said how many.
    fixed: Vec<bool>,
    parts: Vec<Part<'a>>,
}

impl<'a> Plan<'a> {
    fn new(topology: &'a Topology, ledger: &Ledger) -> Result<Plan<'a>, Fault> {
        let mut numbers: BTreeMap<&'a Arc<str>, usize> = BTreeMap::new();
        let mut names = Vec::new();
        let mut number = |name: &'a Arc<str>| {
            *numbers.entry(name).or_insert_with(|| {
                names.push(name);
                names.len() - 1
            })
        };
        let mut parts = Vec::with_capacity(topology.subtopologies.len());
        for part in &topology.subtopologies {
            parts.push(Part {
                part,
                sources: part.source_topics.iter().map(&mut number).collect(),
                repartition_sources: part.repartition_sources.iter().map(|topic| number(&topic.name)).collect(),
                sinks: part.repartition_sinks.iter().map(&mut number).collect(),
            });
            for topic in &part.changelogs {
                number(&topic.name);
            }
        }
        let existing = names.iter().map(|name| ledger.topic_named(name).map(|record| record.partitions()));
        let existing: Vec<Option<u32>> = existing.collect();
        let sources = parts.iter().flat_map(|part| &part.sources);
        let missing: BTreeSet<&str> =
            sources.filter(|number| existing[**number].is_none()).map(|number| &**names[*number]).collect();
        if !missing.is_empty() {
            let detail = format!("Source topics {} are missing.", told(missing.into_iter()));
            return Err(status(StreamsStatusKind::MissingSourceTopics, detail));
        }
        Ok(Plan { decided: vec![None; names.len()], fixed: vec![false; names.len()], names, existing, parts })
    }

    fn finish(mut self) -> Result<Configured, Fault> {
        self.decide_repartition()?;
        for index in 0..self.parts.len() {
            let part = self.parts[index].part;
            for group in &part.copartitioned {
                let sources = group.source_topics.iter().map(|at| self.parts[index].sources[*at as usize]);
                let sources: BTreeSet<usize> = sources.collect();
                let internal = group.repartition_sources.iter();
                let internal = internal.map(|at| self.parts[index].repartition_sources[*at as usize]);
                let internal: BTreeSet<usize> = internal.collect();
                self.even_out(&sources, &internal)?;
            }
        }
        let counts = self.parts.iter().map(|part| self.tasks(part)).collect::<Result<Vec<u32>, Fault>>()?;
        let total: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        if total > limits::STREAMS_TASKS_MAX as u64 {
            let most = limits::STREAMS_TASKS_MAX;
            return Err(uneven(format!("The topology has {total} tasks, one group is assigned {most} at most.")));
        }
        self.topics(counts)
    }

    /// What is there counts, else what was decided.
    fn partitions(&self, number: usize) -> Option<u32> {
        self.existing[number].or(self.decided[number])
    }

    /// Topics between parts: fixed ones first, then each as soon as something is known of the part that writes it.
    fn decide_repartition(&mut self) -> Result<(), Fault> {
        for part in &self.parts {
            for (topic, number) in part.part.repartition_sources.iter().zip(&part.repartition_sources) {
                if topic.partitions != 0 {
                    self.decided[*number] = Some(topic.partitions.unsigned_abs());
                    self.fixed[*number] = true;
                }
            }
        }
        let mut waiting: Vec<usize> =
            (0..self.parts.len()).filter(|part| !self.parts[*part].sinks.is_empty()).collect();
        while !waiting.is_empty() {
            let before = waiting.len();
            waiting.retain(|index| {
                let part = &self.parts[*index];
                let internal = part.repartition_sources.iter().filter_map(|number| self.decided[*number]);
                let count = internal.chain(part.sources.iter().filter_map(|number| self.existing[*number])).max();
                if count.is_some() {
                    for sink in &part.sinks {
                        self.decided[*sink] = self.decided[*sink].or(count);
                    }
                }
                count.is_none() && part.sinks.iter().any(|sink| self.decided[*sink].is_none())
            });
            if waiting.len() == before {
                return Err(invalid(
                    "Failed to compute number of partitions for all repartition topics. There may be loops in the \
                     topology that cannot be resolved.",
                ));
            }
        }
        let mut sources = self.parts.iter().flat_map(|part| &part.repartition_sources);
        if sources.any(|number| self.decided[*number].is_none()) {
            return Err(invalid(
                "Failed to compute number of partitions for all repartition topics, because a repartition source topic \
                 is never used as a sink topic.",
            ));
        }
        Ok(())
    }

    /// Topics that are joined: as many partitions as the sources among them, as what is fixed, or as the largest of them.
    fn even_out(&mut self, sources: &BTreeSet<usize>, internal: &BTreeSet<usize>) -> Result<(), Fault> {
        let internal: BTreeSet<usize> = internal.difference(sources).copied().collect();
        let fixed: BTreeSet<usize> = internal.iter().copied().filter(|one| self.fixed[*one]).collect();
        let judged = match (sources.is_empty(), fixed.is_empty()) {
            (false, _) => sources,
            (true, false) => &fixed,
            (true, true) => &internal,
        };
        let counts: BTreeSet<u32> = judged.iter().filter_map(|number| self.partitions(*number)).collect();
        let Some(most) = counts.last().copied() else { return Ok(()) };
        if counts.len() > 1 && !(sources.is_empty() && fixed.is_empty()) {
            let tell = |number: &usize| format!("{}={}", self.names[*number], self.partitions(*number).unwrap_or(0));
            let all: Vec<String> = judged.iter().map(tell).collect();
            let all = all.join(", ");
            return Err(uneven(format!("Following topics do not have the same number of partitions: [{{{all}}}]")));
        }
        for number in internal {
            let before = self.partitions(number).unwrap_or(0);
            if self.fixed[number] && before != most {
                let name = self.names[number];
                return Err(uneven(format!(
                    "Number of partitions [{before}] of repartition topic [{name}] doesn't match number of partitions \
                     [{most}] of the source topic."
                )));
            }
            self.decided[number] = Some(most);
        }
        Ok(())
    }

    /// A part has a task for each partition of its largest source.
    fn tasks(&self, part: &Part<'_>) -> Result<u32, Fault> {
        let all = part.sources.iter().chain(&part.repartition_sources);
        all.filter_map(|number| self.partitions(*number))
            .max()
            .ok_or_else(|| invalid(format!("No source topics found for subtopology {}", part.part.id)))
    }

    /// The topics of the application: those that exist must be as they would be made.
    fn topics(&self, counts: Vec<u32>) -> Result<Configured, Fault> {
        let numbers: BTreeMap<&Arc<str>, usize> = self.names.iter().enumerate().map(|(at, name)| (*name, at)).collect();
        let mut configured = Configured::default();
        let mut wanted: BTreeMap<&Arc<str>, (u32, &InternalTopic)> = BTreeMap::new();
        for (part, count) in self.parts.iter().zip(&counts) {
            for (topic, number) in part.part.repartition_sources.iter().zip(&part.repartition_sources) {
                let fixed = (topic.partitions != 0).then(|| topic.partitions.unsigned_abs());
                wanted.insert(&topic.name, (fixed.or(self.decided[*number]).unwrap_or(*count), topic));
            }
            wanted.extend(part.part.changelogs.iter().map(|topic| (&topic.name, (*count, topic))));
        }
        for (name, (count, topic)) in wanted {
            configured.partitions.insert(Arc::clone(name), count);
            match self.existing[numbers[name]] {
                Some(found) if found != count => {
                    return Err(uneven(format!(
                        "Existing topic {name} has different number of partitions: expected {count}, found {found}"
                    )));
                }
                Some(_) => {}
                None => configured.missing.push(creatable(topic, count)),
            }
        }
        if !configured.missing.is_empty() {
            let names = told(configured.missing.iter().map(|topic| &*topic.name));
            let detail = Arc::from(format!("Internal topics are missing: {names}"));
            configured.problem = Some(StreamsStatus { kind: StreamsStatusKind::MissingInternalTopics, detail });
        }
        configured.counts = Some(counts);
        Ok(configured)
    }
}

fn creatable(topic: &InternalTopic, partitions: u32) -> NewTopic {
    let configs = topic.configs.iter().map(|(key, value)| (Arc::clone(key), Some(Arc::clone(value))));
    NewTopic {
        name: Arc::clone(&topic.name),
        partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
        replication_factor: if topic.replication_factor == 0 { -1 } else { topic.replication_factor },
        assignments: Vec::new(),
        configs: configs.collect(),
    }
}

fn told<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let count = names.len();
    let first: Vec<&str> = names.take(TOLD_MAX).collect();
    let rest = if count > TOLD_MAX { format!(" and {} additional topics", count - TOLD_MAX) } else { String::new() };
    format!("{}{rest}", first.join(", "))
}
