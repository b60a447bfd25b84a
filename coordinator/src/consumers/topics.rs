//! What members subscribe to, as topics and partitions that are there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::error::{Refusal, Refused};
use apus_core::ids::PartitionId;
use apus_core::limits;
use regex::{Regex, RegexBuilder};

use crate::command::StoredConsumer;
use crate::ledger::record::hash;
use crate::ledger::{Ledger, TopicRecord};

/// What one pattern may take when it is compiled, its tables included: some thousand letters of a plain one.
const PATTERN_BYTES_MAX: usize = 256 << 10;

/// What members may be assigned.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    /// The topics that anybody subscribes to, by name, and their partitions by index.
    pub(crate) topics: Vec<Vec<PartitionId>>,
    /// By member, in the order of ids: which of these, as indexes.
    pub(crate) members: Vec<BTreeSet<usize>>,
    /// A number that changes whenever any of it does but members.
    pub(crate) hash: u64,
}

impl Subscriptions {
    /// Of these members. Topics beyond [`limits::CONSUMER_PARTITIONS_MAX`] are left out, the last names first.
    pub(crate) fn of<'a>(members: impl Iterator<Item = &'a StoredConsumer> + Clone, ledger: &Ledger) -> Subscriptions {
        let mut matches: BTreeMap<&str, Vec<&TopicRecord>> = BTreeMap::new();
        for pattern in members.clone().filter_map(|member| member.regex.as_deref()) {
            matches.entry(pattern).or_insert_with(|| matched(pattern, ledger));
        }
        let mut found: BTreeMap<&Arc<str>, &TopicRecord> = BTreeMap::new();
        let named: BTreeSet<&Arc<str>> = members.clone().flat_map(|member| &member.topics).collect();
        found.extend(named.iter().filter_map(|name| ledger.topic_named(name)).map(|record| (&record.name, record)));
        let hash = sum(found.values().copied(), "") ^ patterns_sum(&matches);
        found.extend(matches.values().flatten().map(|record| (&record.name, *record)));
        let mut left = limits::CONSUMER_PARTITIONS_MAX;
        let (mut topics, mut indexes) = (Vec::new(), BTreeMap::new());
        for record in found.values() {
            let partitions = record.partitions() as usize;
            if partitions <= left {
                left -= partitions;
                indexes.insert(record.id, topics.len());
                topics.push(record.partition_ids().collect());
            }
        }
        let wanted = |member: &StoredConsumer| {
            let named = member.topics.iter().filter_map(|name| found.get(name));
            let matched = member.regex.as_deref().and_then(|pattern| matches.get(pattern)).into_iter().flatten();
            named.chain(matched).filter_map(|record| indexes.get(&record.id).copied()).collect()
        };
        Subscriptions { members: members.map(wanted).collect(), topics, hash }
    }
}

fn patterns_sum(matches: &BTreeMap<&str, Vec<&TopicRecord>>) -> u64 {
    matches.iter().map(|(pattern, records)| sum(records.iter().copied(), pattern)).fold(0, u64::wrapping_add)
}

/// Stands for these topics under a pattern, or under their names.
fn sum<'a>(records: impl Iterator<Item = &'a TopicRecord>, pattern: &str) -> u64 {
    let seed = hash(1, pattern.as_bytes());
    let one = |record: &TopicRecord| hash(seed.wrapping_add(u64::from(record.partitions())), &record.id.0);
    records.map(one).fold(0, u64::wrapping_add)
}

fn matched<'a>(pattern: &str, ledger: &'a Ledger) -> Vec<&'a TopicRecord> {
    // It was compiled when its member came; another binary may see it otherwise: then it matches nothing.
    let Ok(regex) = compile(pattern) else { return Vec::new() };
    ledger.topics().filter(|record| regex.is_match(&record.name)).collect()
}

/// A pattern that has to match a whole name. It is compiled as it stands first: what is put around it must not be what
/// makes it whole.
pub(super) fn compile(pattern: &str) -> Result<Regex, Refused> {
    let build =
        |text: &str| RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX).build();
    let whole = build(pattern).and_then(|_| build(&format!(r"\A(?:{pattern})\z")));
    whole.map_err(|error| {
        let message = format!("SubscribedTopicRegex `{pattern}` is not a valid regular expression: {error}.");
        Refused::new(Refusal::InvalidRegularExpression, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names_and_are_bounded() {
        let regex = compile("a|ab").expect("valid");
        assert!(regex.is_match("a") && regex.is_match("ab") && !regex.is_match("abc") && !regex.is_match("ba"));
        for wrong in ["(", "a)|(b", "[", "a{1000}{1000}"] {
            let refused = compile(wrong).expect_err(wrong);
            assert_eq!(refused.refusal, Refusal::InvalidRegularExpression);
        }
    }
}
