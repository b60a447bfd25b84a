//! What DescribeConfigs says of topics and brokers: every key, its value, and where that came from.

use std::collections::BTreeMap;

use super::broker::Config;
use super::broker_keys;
use super::dynamic;
use super::key::{Key, Preset};
use super::settings::{Given, Rank};
use super::topic::{self, Origin};
use super::topic_keys::{TOPIC_KEYS, TopicKey};
use super::value::{Kind, Value};
use crate::error::Refused;

/// Where a value came from, in Kafka's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// The topic itself: `DYNAMIC_TOPIC_CONFIG`.
    Topic,
    /// This broker, at run time: `DYNAMIC_BROKER_CONFIG`.
    DynamicBroker,
    /// All brokers, at run time: `DYNAMIC_DEFAULT_BROKER_CONFIG`.
    DynamicDefault,
    /// The broker's file or command line: `STATIC_BROKER_CONFIG`.
    Broker,
    /// A subscription to metrics of clients: `DYNAMIC_CLIENT_METRICS_CONFIG`.
    ClientMetrics,
    /// A group: `DYNAMIC_GROUP_CONFIG`.
    Group,
    /// Nobody: `DEFAULT_CONFIG`.
    Default,
}

impl From<Rank> for ConfigSource {
    fn from(rank: Rank) -> ConfigSource {
        match rank {
            Rank::Own => ConfigSource::DynamicBroker,
            Rank::All => ConfigSource::DynamicDefault,
            Rank::Started => ConfigSource::Broker,
        }
    }
}

/// A key that was asked for its value on the way to the one that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: Option<String>,
    /// Where it came from.
    pub source: ConfigSource,
}

/// One row of DescribeConfigs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigRow {
    /// The key.
    pub name: &'static str,
    /// Its value, as Kafka prints it; nothing is null.
    pub value: Option<String>,
    /// Where it came from.
    pub source: ConfigSource,
    /// Its type.
    pub kind: Kind,
    /// What it does.
    pub documentation: &'static str,
    /// Whether only a restart changes it.
    pub read_only: bool,
    /// Whether its value is to be hidden. No key of ours is: credentials are no configuration.
    pub sensitive: bool,
    /// The keys that were asked, the one that counts first.
    pub synonyms: Vec<ConfigSynonym>,
}

/// Every key of a topic with these settings of its own, in the order of their names.
///
/// # Errors
/// Where a setting is not valid; stored settings always are.
pub fn describe_topic(overrides: &BTreeMap<String, String>, broker: &Config) -> Result<Vec<ConfigRow>, Refused> {
    TOPIC_KEYS.iter().map(|key| topic_row(key, overrides, broker)).collect()
}

fn topic_row(key: &TopicKey, overrides: &BTreeMap<String, String>, broker: &Config) -> Result<ConfigRow, Refused> {
    let name = key.key.name;
    let (value, origin) = topic::value_of(key, overrides, broker)?;
    let value = value.to_string();
    let mut synonyms = Vec::with_capacity(key.chain.len() + 1);
    if origin == Origin::Topic {
        synonyms.push(ConfigSynonym { name, value: Some(value.clone()), source: ConfigSource::Topic });
    }
    // Kafka shows a chain of keys where there is one, or where the first has a value: minutes and hours never stand alone.
    let given = |name: &str| broker.settings.given(name).next().is_some();
    if let [(first, _), ..] = key.chain
        && (key.chain.len() == 1 || given(first))
    {
        synonyms.extend(broker_synonyms(key, broker));
    }
    let source = match origin {
        Origin::Topic => ConfigSource::Topic,
        Origin::Broker(_) | Origin::Default => synonyms.first().map_or(ConfigSource::Default, |first| first.source),
    };
    Ok(ConfigRow {
        name,
        value: Some(value),
        source,
        kind: key.key.kind,
        documentation: key.key.meaning,
        read_only: false,
        sensitive: false,
        synonyms,
    })
}

/// What a broker's keys say of it. The last key of a chain holds the default: hours, where a topic counts milliseconds.
fn broker_synonyms(key: &TopicKey, broker: &Config) -> Vec<ConfigSynonym> {
    let mut synonyms = Vec::with_capacity(key.chain.len() + 1);
    for (name, _) in key.chain {
        synonyms.extend(broker.settings.given(name).map(|given| ConfigSynonym { name, ..synonym(given) }));
    }
    if let Some((last, scale)) = key.chain.last() {
        let value = match key.default_value() {
            Value::Whole(number) if number != i64::MAX => Value::Whole(number / scale),
            other => other,
        };
        synonyms.push(ConfigSynonym { name: last, value: Some(value.to_string()), source: ConfigSource::Default });
    }
    synonyms
}

fn synonym(given: Given<'_>) -> ConfigSynonym {
    ConfigSynonym { name: given.spelled, value: Some(given.value.to_string()), source: given.rank.into() }
}

/// Every key of the broker under all of its names, and Kafka's keys that somebody set, in the order of their names.
#[must_use]
pub fn describe_broker(broker: &Config) -> Vec<ConfigRow> {
    let mut rows = Vec::new();
    for key in broker_keys::all() {
        rows.push(broker_row(key, key.name, broker));
        rows.extend(key.aliases.iter().map(|alias| broker_row(key, alias, broker)));
    }
    let foreign = broker.settings.foreign_given();
    rows.extend(foreign.into_iter().filter(|name| !name.ends_with('.')).map(|name| foreign_row(name, broker)));
    rows.sort_by_key(|row| row.name);
    rows
}

/// What was set of all brokers at run time: their default, under the empty name.
#[must_use]
pub fn describe_brokers(broker: &Config) -> Vec<ConfigRow> {
    let given = |name: &str| broker.settings.given(name).find(|given| given.rank == Rank::All).map(synonym);
    let rows = describe_broker(broker).into_iter().filter_map(|row| {
        let default = given(row.name)?;
        Some(ConfigRow { value: default.value.clone(), source: default.source, synonyms: vec![default], ..row })
    });
    rows.collect()
}

fn broker_row(key: &Key, name: &'static str, broker: &Config) -> ConfigRow {
    let mut synonyms: Vec<ConfigSynonym> = broker.settings.given(key.name).map(synonym).collect();
    let set = synonyms.first().map(|first| (first.value.clone(), first.source));
    let default = match key.preset {
        Preset::Absent => None,
        Preset::Text(text) => Some(key.read(text).expect("the table's defaults are valid").to_string()),
        Preset::Derived(_) => derived(key.name, broker),
    };
    if default.is_some() && (set.is_none() || matches!(key.preset, Preset::Text(_))) {
        synonyms.push(ConfigSynonym { name: key.name, value: default.clone(), source: ConfigSource::Default });
    }
    let (value, source) = set.unwrap_or((default, ConfigSource::Default));
    ConfigRow {
        name,
        source,
        value,
        kind: key.kind,
        documentation: key.meaning,
        read_only: dynamic::find(key.name).is_none(),
        sensitive: false,
        synonyms,
    }
}

/// The value of a key that nobody set, where it follows from something else.
fn derived(name: &str, broker: &Config) -> Option<String> {
    match name {
        "cores" => Some(broker.cores.to_string()),
        "diskless.store.threads" => Some(broker.store_threads.to_string()),
        "listeners" => Some(joined(broker.listeners.iter())),
        "advertised.listeners" => {
            let told = broker.listeners.iter().map(|each| format!("{}://{}", each.name, each.advertised));
            Some(joined(told))
        }
        "inter.broker.listener.name" => Some(broker.inter_broker_listener.clone()),
        "diskless.store" => Some(broker.store.to_string()),
        "diskless.s3.path.style.access" => Some(broker.s3.path_style.to_string()),
        "diskless.s3.region" => None,
        other => unreachable!("{other} has no value that follows from something else"),
    }
}

fn joined(parts: impl Iterator<Item = impl ToString>) -> String {
    parts.map(|part| part.to_string()).collect::<Vec<_>>().join(",")
}

fn foreign_row(name: &'static str, broker: &Config) -> ConfigRow {
    let synonyms: Vec<ConfigSynonym> = broker.settings.given(name).map(synonym).collect();
    let first = synonyms.first().expect("somebody gave it a value");
    ConfigRow {
        name,
        value: first.value.clone(),
        source: first.source,
        kind: Kind::Text,
        documentation: "A key of Kafka's without meaning here.",
        read_only: dynamic::find(name).is_none(),
        sensitive: false,
        synonyms,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{broker, map};
    use super::*;

    fn row(rows: &[ConfigRow], name: &str) -> ConfigRow {
        rows.iter().find(|row| row.name == name).cloned().unwrap_or_else(|| panic!("{name} has no row"))
    }

    fn topic_row(overrides: &[(&str, &str)], text: &str, name: &str) -> ConfigRow {
        row(&describe_topic(&map(overrides), &broker(text)).expect("the settings are valid"), name)
    }

    fn synonyms(row: &ConfigRow) -> Vec<(&str, &str, ConfigSource)> {
        row.synonyms.iter().map(|each| (each.name, each.value.as_deref().unwrap_or("null"), each.source)).collect()
    }

    #[test]
    fn a_topic_shows_every_key_and_its_source() {
        let rows = describe_topic(&BTreeMap::new(), &broker("")).expect("nothing is set");
        assert_eq!(rows.len(), TOPIC_KEYS.len());
        assert!(rows.iter().all(|row| row.source == ConfigSource::Default && row.value.is_some()));

        let own = topic_row(&[("cleanup.policy", "compact")], "", "cleanup.policy");
        assert_eq!((own.value.as_deref(), own.source), (Some("compact"), ConfigSource::Topic));
        assert_eq!(
            synonyms(&own),
            [
                ("cleanup.policy", "compact", ConfigSource::Topic),
                ("log.cleanup.policy", "delete", ConfigSource::Default)
            ]
        );

        // As Apache Kafka 4.4 shows them.
        let hours = topic_row(&[], "log.retention.hours=1", "retention.ms");
        assert_eq!((hours.value.as_deref(), hours.source), (Some("3600000"), ConfigSource::Default));
        assert_eq!(synonyms(&hours), []);
        let first = topic_row(&[], "log.retention.ms=5", "retention.ms");
        assert_eq!((first.value.as_deref(), first.source), (Some("5"), ConfigSource::Broker));
        assert_eq!(
            synonyms(&first),
            [("log.retention.ms", "5", ConfigSource::Broker), ("log.retention.hours", "168", ConfigSource::Default)]
        );

        let foreign = topic_row(&[], "log.segment.bytes=1048576", "segment.bytes");
        assert_eq!((foreign.value.as_deref(), foreign.source), (Some("1048576"), ConfigSource::Broker));
    }

    #[test]
    fn a_broker_shows_every_key_under_all_names() {
        let rows = describe_broker(&broker("broker.id=7\nnum.io.threads=3\nlisteners=PLAINTEXT://127.0.0.1:1"));
        assert!(rows.is_sorted_by_key(|row| row.name));
        for name in ["node.id", "broker.id"] {
            let row = row(&rows, name);
            assert_eq!((row.value.as_deref(), row.source, row.read_only), (Some("7"), ConfigSource::Broker, true));
            assert_eq!(
                synonyms(&row),
                [("broker.id", "7", ConfigSource::Broker), ("node.id", "1", ConfigSource::Default)]
            );
        }
        assert_eq!(row(&rows, "num.io.threads").value.as_deref(), Some("3"));
        assert_eq!(row(&rows, "log.dirs").value.as_deref(), Some("./apus-data"));
        assert_eq!(row(&rows, "advertised.listeners").value.as_deref(), Some("PLAINTEXT://127.0.0.1:1"));
        assert_eq!(row(&rows, "diskless.store").value.as_deref(), Some("file:./apus-data/store"));
        assert_eq!(row(&rows, "broker.rack").value, None);
        assert_eq!(row(&rows, "cores").kind, Kind::Int);
    }
}
