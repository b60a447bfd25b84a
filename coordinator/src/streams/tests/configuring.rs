//! What topics a topology needs, and what is wrong with those that are there.

use apus_core::api::{Copartitioned, InternalTopic, StreamsStatusKind, Subtopology, Topology};
use apus_core::error::Refusal;
use apus_core::ids::{Lsn, Uuid};

use super::super::configured::{Configured, configure};
use super::super::topology::checked;
use super::*;
use crate::command::{Command, CreateTopic, Envelope, TopicKind};
use crate::ledger::Ledger;

fn ledger(topics: &[(&str, u32)]) -> Ledger {
    let mut ledger = Ledger::new();
    for (number, (name, partitions)) in topics.iter().enumerate() {
        let topic = CreateTopic {
            id: Uuid([number as u8 + 1; 16]),
            name: Arc::from(*name),
            kind: TopicKind::Diskless,
            partitions: *partitions,
            replication_factor: 1,
            configs: BTreeMap::new(),
        };
        ledger.apply(Lsn(number as u64 + 1), &Envelope::internal(0, Command::CreateTopic(topic)));
    }
    ledger
}

fn names(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

fn internal(name: &str, partitions: i32) -> InternalTopic {
    InternalTopic { name: Arc::from(name), partitions, replication_factor: 0, configs: Vec::new() }
}

/// Counts words: lines are split and dealt out by word, and counted in a state.
fn word_count(partitions: i32) -> Vec<Subtopology> {
    let split = Subtopology {
        id: Arc::from("0"),
        source_topics: names(&["lines"]),
        repartition_sinks: names(&["app-words-repartition"]),
        ..Subtopology::default()
    };
    let count = Subtopology {
        id: Arc::from("1"),
        repartition_sources: vec![internal("app-words-repartition", partitions)],
        changelogs: vec![internal("app-counts-changelog", 0)],
        ..Subtopology::default()
    };
    vec![count, split]
}

fn judge(parts: Vec<Subtopology>, topics: &[(&str, u32)]) -> Result<Configured, Refusal> {
    let topology = checked(&Topology { epoch: 0, subtopologies: parts }).map_err(|refused| refused.refusal)?;
    configure(&topology, &ledger(topics)).map_err(|refused| refused.refusal)
}

fn problem(found: &Configured) -> (StreamsStatusKind, &str) {
    let problem = found.problem.as_ref().expect("something is wrong");
    (problem.kind, &problem.detail)
}

#[test]
fn topics_of_the_application_follow_what_it_reads() {
    let found = judge(word_count(0), &[("lines", 3)]).expect("a topology");
    let detail = "Internal topics are missing: app-counts-changelog, app-words-repartition";
    assert_eq!(problem(&found), (StreamsStatusKind::MissingInternalTopics, detail));
    let missing: Vec<_> = found.missing.iter().map(|topic| (&*topic.name, topic.partitions)).collect();
    assert_eq!(missing, [("app-counts-changelog", 3), ("app-words-repartition", 3)]);
    let fixed = judge(word_count(5), &[("lines", 3)]).expect("a topology");
    assert_eq!(fixed.counts, Some(vec![3, 5]));
    let there = [("lines", 3), ("app-counts-changelog", 3), ("app-words-repartition", 3)];
    let ready = judge(word_count(0), &there).expect("a topology");
    assert!(ready.is_ready() && ready.missing.is_empty());
    assert_eq!(ready.counts, Some(vec![3, 3]));
    assert_ne!(ready.hash, found.hash);
    let there = [("lines", 3), ("app-counts-changelog", 4), ("app-words-repartition", 3)];
    let uneven = judge(word_count(0), &there).expect("a topology");
    let detail = "Existing topic app-counts-changelog has different number of partitions: expected 3, found 4";
    assert_eq!(problem(&uneven), (StreamsStatusKind::IncorrectlyPartitionedTopics, detail));
}

#[test]
fn topics_that_are_read_must_be_there() {
    let found = judge(word_count(0), &[]).expect("a topology");
    assert_eq!(problem(&found), (StreamsStatusKind::MissingSourceTopics, "Source topics lines are missing."));
    let part =
        |sources: &[&str]| Subtopology { id: Arc::from("0"), source_topics: names(sources), ..Subtopology::default() };
    let found = judge(vec![part(&["e", "d", "c", "b", "a"])], &[]).expect("a topology");
    assert_eq!(problem(&found).1, "Source topics a, b, c and 2 additional topics are missing.");
    let huge = judge(vec![part(&["a"])], &[("a", 20_000)]).expect("a topology");
    assert_eq!(problem(&huge).0, StreamsStatusKind::IncorrectlyPartitionedTopics);
}

#[test]
fn topics_that_are_joined_have_equally_many_partitions() {
    let joined = |fixed: i32| {
        let group = Copartitioned { source_topics: vec![0, 1], repartition_sources: vec![], ..Default::default() };
        let dealt = Copartitioned { source_topics: vec![0], repartition_sources: vec![0], ..Default::default() };
        let writer = Subtopology {
            id: Arc::from("0"),
            source_topics: names(&["c"]),
            repartition_sinks: names(&["r"]),
            ..Subtopology::default()
        };
        let reader = Subtopology {
            id: Arc::from("1"),
            source_topics: names(&["a", "b"]),
            repartition_sources: vec![internal("r", fixed)],
            copartitioned: vec![group, dealt],
            ..Subtopology::default()
        };
        vec![writer, reader]
    };
    let even = judge(joined(0), &[("a", 4), ("b", 4), ("c", 2)]).expect("a topology");
    assert_eq!((even.missing[0].partitions, even.counts), (4, Some(vec![2, 4])));
    let uneven = judge(joined(0), &[("a", 4), ("b", 3), ("c", 2)]).expect("a topology");
    let detail = "Following topics do not have the same number of partitions: [{a=4, b=3}]";
    assert_eq!(problem(&uneven), (StreamsStatusKind::IncorrectlyPartitionedTopics, detail));
    let fixed = judge(joined(7), &[("a", 4), ("b", 4), ("c", 2)]).expect("a topology");
    assert_eq!(problem(&fixed).0, StreamsStatusKind::IncorrectlyPartitionedTopics);
}

#[test]
fn what_no_topics_could_serve_is_refused() {
    let base = |id: &str| Subtopology { id: Arc::from(id), source_topics: names(&["a"]), ..Subtopology::default() };
    let with = |part: Subtopology| judge(vec![part], &[("a", 1)]).map(drop).expect_err("it is refused");
    let invalid = Refusal::StreamsInvalidTopology;
    assert_eq!(with(Subtopology { source_topics: names(&["__consumer_offsets"]), ..base("0") }), invalid);
    assert_eq!(with(Subtopology { source_topics: names(&["a/b"]), ..base("0") }), invalid);
    assert_eq!(with(Subtopology { source_patterns: names(&["a.*"]), ..base("0") }), Refusal::InvalidRequest);
    assert_eq!(with(Subtopology { changelogs: vec![internal("c", 3)], ..base("0") }), invalid);
    assert_eq!(with(Subtopology { repartition_sources: vec![internal("r", -1)], ..base("0") }), invalid);
    assert_eq!(
        with(Subtopology { repartition_sources: vec![internal("r", 0)], ..base("0") }),
        invalid,
        "never written"
    );
    assert_eq!(with(Subtopology { source_topics: vec![], ..base("0") }), invalid, "it reads nothing");
    for source_topics in [vec![1], vec![-1]] {
        let group = Copartitioned { source_topics, ..Default::default() };
        assert_eq!(with(Subtopology { copartitioned: vec![group], ..base("0") }), invalid);
    }
    let loops = |id: &str, from: &str, to: &str| Subtopology {
        id: Arc::from(id),
        repartition_sources: vec![internal(from, 0)],
        repartition_sinks: names(&[to]),
        ..Subtopology::default()
    };
    let found = judge(vec![loops("0", "x", "y"), loops("1", "y", "x")], &[]);
    assert_eq!(found.map(drop).expect_err("it is refused"), invalid);
    assert_eq!(judge(vec![base("0"), base("0")], &[("a", 1)]).map(drop).expect_err("twice"), invalid);
    let many = (0..600).map(|number| base(&number.to_string())).collect();
    assert_eq!(judge(many, &[("a", 1)]).map(drop).expect_err("too many"), invalid);
    assert!(judge(vec![base("0")], &[("a", 1)]).expect("a topology").is_ready());
}
