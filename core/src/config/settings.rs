//! What somebody set, by key: names checked, values read, nothing resolved yet.

use std::collections::{BTreeMap, BTreeSet};

use super::broker_keys;
use super::foreign::{self, Foreign};
use super::key::Key;
use super::problem::{Problem, Property, Source};
use super::topic_keys;
use super::value::Value;

/// A value that somebody set.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The value; of a key without a meaning here, its text.
    pub value: Value,
    /// Where it was set.
    pub source: Source,
    /// The name under which it was set: the key's own or an alias.
    pub spelled: &'static str,
}

/// Everything that was set: the newest value of each key, under the key's own name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    known: BTreeMap<&'static str, Setting>,
    foreign: BTreeMap<&'static str, Setting>,
    /// What was changed while the cluster runs.
    pub(super) dynamic: Dynamic,
}

/// Values that were given to keys at run time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Dynamic {
    /// Of this broker.
    pub own: BTreeMap<&'static str, Value>,
    /// Of all brokers.
    pub all: BTreeMap<&'static str, Value>,
}

/// To whom a value was given, and when; the first one counts before the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// To this broker, at run time.
    Own,
    /// To all brokers, at run time.
    All,
    /// To this broker, before it started.
    Started,
}

/// A value that somebody gave a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Given<'a> {
    /// To whom.
    pub rank: Rank,
    /// The value; of a key without a meaning here, its text.
    pub value: &'a Value,
    /// The name under which it was given.
    pub spelled: &'static str,
}

impl Settings {
    /// Reads properties in order: a later one replaces an earlier one of the same key.
    ///
    /// Returned beside what could be read are all problems: names that nobody knows, keys that promise security,
    /// values that are none, and two names of one key that disagree.
    #[must_use]
    pub fn gather(properties: &[Property]) -> (Settings, Vec<Problem>) {
        let mut settings = Settings::default();
        let mut problems = Vec::new();
        for property in newest(properties) {
            let outcome = match broker_keys::find(&property.key) {
                Some(key) => settings.set(key, property),
                None => settings.set_foreign(property),
            };
            problems.extend(outcome.err());
        }
        (settings, problems)
    }

    fn set(&mut self, key: &'static Key, property: &Property) -> Result<(), Problem> {
        let value = read(key, property)?;
        let own_name = std::iter::once(&key.name).chain(key.aliases).find(|name| **name == property.key);
        let spelled = own_name.expect("the key was found by this name");
        // Two names of one key may differ only where the command line overrules the file.
        if let Some(earlier) = self.known.get(key.name) {
            let overruled = earlier.source < Source::Argument && property.source == Source::Argument;
            if earlier.value != value && !overruled {
                let message = format!(
                    "{}={value} contradicts {}={}: they are two names of one key, keep one of them",
                    property.key, earlier.spelled, earlier.value
                );
                return Err(Problem::at(property.source, message));
            }
        }
        self.known.insert(key.name, Setting { value, source: property.source, spelled });
        Ok(())
    }

    fn set_foreign(&mut self, property: &Property) -> Result<(), Problem> {
        let Property { key, value, source } = property;
        let empty = value.trim().is_empty();
        match foreign::classify(key) {
            Foreign::Meaningless("security.inter.broker.protocol") if value.trim() != "PLAINTEXT" => {
                Err(security(property))
            }
            Foreign::Meaningless(name) => {
                if let Some((topic_key, scale)) = topic_keys::behind(name) {
                    topic_key.read_from_broker(value, scale).map_err(|_| bad_value(&topic_key.key, property))?;
                }
                let value = Value::Text(value.trim().to_owned());
                self.foreign.insert(name, Setting { value, source: *source, spelled: name });
                Ok(())
            }
            Foreign::Security if empty => Ok(()),
            Foreign::Security => Err(security(property)),
            Foreign::Unknown => Err(Problem::at(*source, unknown(key))),
        }
    }

    /// What was set for a key of ours.
    #[must_use]
    pub fn known(&self, name: &str) -> Option<&Setting> {
        self.known.get(name)
    }

    /// What was set for a key of Kafka's that has no meaning here.
    #[must_use]
    pub fn foreign(&self, name: &str) -> Option<&Setting> {
        self.foreign.get(name)
    }

    /// Every value that somebody gave a key, the one that counts first.
    pub fn given(&self, name: &str) -> impl Iterator<Item = Given<'_>> {
        let dynamic = [(Rank::Own, &self.dynamic.own), (Rank::All, &self.dynamic.all)];
        let dynamic = dynamic
            .map(|(rank, values)| values.get_key_value(name).map(|(spelled, value)| Given { rank, value, spelled }));
        let started = self.known(name).or_else(|| self.foreign(name));
        let started =
            started.map(|setting| Given { rank: Rank::Started, value: &setting.value, spelled: setting.spelled });
        dynamic.into_iter().flatten().chain(started)
    }

    /// The names of Kafka's keys without a meaning here to which somebody gave a value, in order.
    pub(super) fn foreign_given(&self) -> BTreeSet<&'static str> {
        let dynamic = self.dynamic.own.keys().chain(self.dynamic.all.keys()).copied();
        let dynamic = dynamic.filter(|name| broker_keys::find(name).is_none());
        self.foreign_names().chain(dynamic).collect()
    }

    /// The names of Kafka's keys that were set and have no meaning here, in order.
    pub fn foreign_names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.foreign.keys().copied()
    }

    /// The value of a key, set or by default; nothing where it has neither.
    ///
    /// # Panics
    /// Where the table has no such key.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Value> {
        let key = broker_keys::find(name).expect("the key is in the table");
        assert!(key.name == name, "ask for a key by its own name");
        self.given(name).next().map(|given| given.value.clone()).or_else(|| key.default_value())
    }

    /// The number of a key that has a default.
    pub(super) fn number(&self, name: &str) -> i64 {
        self.number_if_any(name).expect("the key has a default")
    }

    /// The number of a key, if it has one.
    pub(super) fn number_if_any(&self, name: &str) -> Option<i64> {
        match self.value(name)? {
            Value::Whole(number) => Some(number),
            other => unreachable!("{name} is not a number: {other}"),
        }
    }

    /// The bytes of a key that has a default and is never negative.
    pub(super) fn bytes(&self, name: &str) -> u64 {
        u64::try_from(self.number(name)).expect("the table's range has no negative bytes")
    }

    /// The number of a key that has a default and a range of small numbers.
    pub(super) fn small<T: TryFrom<i64>>(&self, name: &str) -> T {
        T::try_from(self.number(name)).ok().expect("the table's range fits the type")
    }

    /// The answer of a key that has a default.
    pub(super) fn answer(&self, name: &str) -> bool {
        self.answer_if_any(name).expect("the key has a default")
    }

    /// The answer of a key, if it has one.
    pub(super) fn answer_if_any(&self, name: &str) -> Option<bool> {
        match self.value(name)? {
            Value::Boolean(answer) => Some(answer),
            other => unreachable!("{name} is not true or false: {other}"),
        }
    }

    /// The text of a key, if it has one that is not empty.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::Text(text) => Some(text).filter(|text| !text.is_empty()),
            other => unreachable!("{name} is not a text: {other}"),
        }
    }

    /// The elements of a key, if it was set.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        match self.value(name)? {
            Value::List(list) => Some(list),
            other => unreachable!("{name} is not a list: {other}"),
        }
    }

    /// A problem with the value of a key, at the place where it was set.
    pub(super) fn problem(&self, name: &str, message: impl Into<String>) -> Problem {
        let setting = self.known(name).or_else(|| self.foreign(name));
        Problem { source: setting.map(|setting| setting.source), message: message.into() }
    }
}

/// The last property of each key in the file and on the command line, in order.
fn newest(properties: &[Property]) -> Vec<&Property> {
    let is_argument = |property: &Property| property.source == Source::Argument;
    let mut last: BTreeMap<(bool, &str), usize> = BTreeMap::new();
    for (index, property) in properties.iter().enumerate() {
        last.insert((is_argument(property), &property.key), index);
    }
    let kept = properties.iter().enumerate();
    kept.filter(|(index, property)| last[&(is_argument(property), property.key.as_str())] == *index)
        .map(|(_, property)| property)
        .collect()
}

fn read(key: &Key, property: &Property) -> Result<Value, Problem> {
    key.read(&property.value).map_err(|_| bad_value(key, property))
}

fn bad_value(key: &Key, property: &Property) -> Problem {
    let message = format!("{}={} is refused: give {}", property.key, property.value.trim(), key.expected());
    Problem::at(property.source, message)
}

fn security(property: &Property) -> Problem {
    let message = format!(
        "{} promises security that is not built yet: remove it, and protect the listeners by other means",
        property.key
    );
    Problem::at(property.source, message)
}

fn unknown(name: &str) -> String {
    if let Some(key) = topic_keys::find(name) {
        return match key.chain.first() {
            Some((broker, _)) => format!("{name} is a key of topics: the default for all of them is {broker}"),
            None => format!("{name} is a key of topics: set it on a topic"),
        };
    }
    let ours = broker_keys::all().flat_map(|key| std::iter::once(key.name).chain(key.aliases.iter().copied()));
    let distance = |known: &str| strsim::damerau_levenshtein(name, known);
    // Of two names that are equally near, ours is the more likely one: it comes first.
    let nearest = ours.chain(foreign::names()).min_by_key(|known| distance(known));
    let nearest = nearest.filter(|known| distance(known) <= (name.chars().count() / 4).max(2));
    match nearest {
        Some(nearest) => format!("unknown key {name}: did you mean {nearest}?"),
        None => format!("unknown key {name}: `apus config` lists all keys"),
    }
}
