//! Changes of settings one by one (KIP-339): from what a resource has set to what it is to have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::broker::Config;
use super::topic::TopicConfig;
use super::topic_keys;
use super::value::Kind;
use crate::error::{Refusal, Refused};

/// Bytes of a value, as in Kafka: what SET says has no more, what APPEND gathers may not.
const VALUE_BYTES_MAX: usize = i16::MAX as usize;

/// What to do with one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    /// The key, not yet checked.
    pub name: Arc<str>,
    /// What to do.
    pub operation: ConfigOperation,
    /// With which value; null where the operation needs none.
    pub value: Option<Arc<str>>,
}

/// Kafka's operations on a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigOperation {
    /// It has this value.
    Set,
    /// It has no value of its own.
    Delete,
    /// A list has these elements too.
    Append,
    /// A list has these elements no more.
    Subtract,
    /// A number without a meaning.
    Unknown(i8),
}

/// The settings of a topic after these changes.
///
/// # Errors
/// Where a change makes no sense, or what comes out is no sound topic; in Kafka's words.
pub fn alter_topic(
    overrides: &BTreeMap<String, String>,
    changes: &[ConfigChange],
    broker: &Config,
) -> Result<BTreeMap<String, String>, Refused> {
    check_changes(changes)?;
    let mut altered = overrides.clone();
    for change in changes {
        let default = topic_keys::find(&change.name)
            .filter(|key| key.key.kind == Kind::List)
            .map(|key| key.default_value().to_string());
        apply(&mut altered, change, default)?;
    }
    TopicConfig::resolve(&altered, broker)?;
    Ok(altered)
}

/// What Kafka refuses before it looks at a resource.
pub(super) fn check_changes(changes: &[ConfigChange]) -> Result<(), Refused> {
    let invalid = |message: String| Err(Refused::new(Refusal::InvalidRequest, message));
    let mut seen = BTreeSet::new();
    if !changes.iter().all(|change| seen.insert(&change.name)) {
        return invalid("Error due to duplicate config keys".to_owned());
    }
    let valueless = |change: &&ConfigChange| change.operation != ConfigOperation::Delete && change.value.is_none();
    let valueless: Vec<&str> = changes.iter().filter(valueless).map(|change| &*change.name).collect();
    if !valueless.is_empty() {
        return invalid(format!("Null value not supported for : {}", valueless.join(", ")));
    }
    let unknown = changes.iter().find_map(|change| match change.operation {
        ConfigOperation::Unknown(number) => Some(number),
        _ => None,
    });
    unknown.map_or(Ok(()), |number| invalid(format!("Unknown operations type {number}")))
}

/// Carries out one change, whose operation was checked. `default` is what a list holds that nobody set; nothing where the key is no list.
pub(super) fn apply(
    settings: &mut BTreeMap<String, String>,
    change: &ConfigChange,
    default: Option<String>,
) -> Result<(), Refused> {
    let name = &*change.name;
    let value = change.value.as_deref().unwrap_or_default();
    let altered = match change.operation {
        ConfigOperation::Delete => {
            settings.remove(name);
            return Ok(());
        }
        ConfigOperation::Set => value.to_owned(),
        ConfigOperation::Append | ConfigOperation::Subtract => {
            let append = change.operation == ConfigOperation::Append;
            let Some(default) = default else {
                let operation = if append { "APPEND" } else { "SUBTRACT" };
                let message = format!("Can't {operation} to key {name} because its type is not LIST.");
                return Err(Refused::new(Refusal::InvalidConfig, message));
            };
            list(settings.get(name).unwrap_or(&default), value, append)
        }
        ConfigOperation::Unknown(_) => unreachable!("unknown operations were refused"),
    };
    if altered.len() > VALUE_BYTES_MAX {
        let message = format!(
            "The configuration value cannot be added because it exceeds the maximum value size of {VALUE_BYTES_MAX} bytes."
        );
        return Err(Refused::new(Refusal::InvalidConfig, message));
    }
    settings.insert(name.to_owned(), altered);
    Ok(())
}

/// A list with or without some elements, the others in their order.
fn list(before: &str, elements: &str, append: bool) -> String {
    let mut parts: Vec<&str> = before.split(',').filter(|part| !part.is_empty()).collect();
    for element in elements.split(',') {
        if !append {
            parts.retain(|part| *part != element);
        } else if !parts.contains(&element) {
            parts.push(element);
        }
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{broker, map};
    use super::*;

    fn change(operation: ConfigOperation, name: &str, value: Option<&str>) -> ConfigChange {
        ConfigChange { name: name.into(), operation, value: value.map(Into::into) }
    }

    fn set(name: &str, value: &str) -> ConfigChange {
        change(ConfigOperation::Set, name, Some(value))
    }

    fn altered(
        overrides: &[(&str, &str)],
        changes: &[ConfigChange],
    ) -> Result<Vec<(String, String)>, (Refusal, String)> {
        let altered = alter_topic(&map(overrides), changes, &broker(""));
        altered.map(|map| map.into_iter().collect()).map_err(|refused| (refused.refusal, refused.message.into_owned()))
    }

    fn pairs(pairs: &[(&str, &str)]) -> Result<Vec<(String, String)>, (Refusal, String)> {
        Ok(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn keys_are_set_and_deleted() {
        let before = &[("retention.ms", "5"), ("segment.ms", "7")];
        let delete = |name| change(ConfigOperation::Delete, name, None);
        assert_eq!(altered(before, &[set("retention.ms", "6")]), pairs(&[("retention.ms", "6"), ("segment.ms", "7")]));
        assert_eq!(altered(before, &[delete("retention.ms")]), pairs(&[("segment.ms", "7")]));
        assert_eq!(altered(before, &[delete("retention.bytes"), delete("no.such.key")]), pairs(before));
        assert_eq!(altered(before, &[]), pairs(before));
    }

    #[test]
    fn lists_grow_and_shrink() {
        let append = |value| change(ConfigOperation::Append, "cleanup.policy", Some(value));
        let subtract = |value| change(ConfigOperation::Subtract, "cleanup.policy", Some(value));
        let is = |value| pairs(&[("cleanup.policy", value)]);
        assert_eq!(altered(&[], &[append("compact")]), is("delete,compact"), "what nobody set is the default");
        assert_eq!(altered(&[("cleanup.policy", "compact")], &[append("compact")]), is("compact"));
        assert_eq!(altered(&[("cleanup.policy", "compact,delete")], &[subtract("delete")]), is("compact"));
        assert_eq!(altered(&[], &[subtract("delete")]), is(""));
        assert!(altered(&[], &[append("nonsense")]).is_err_and(|(refusal, _)| refusal == Refusal::InvalidConfig));
    }

    #[test]
    fn what_is_refused_is_refused_in_kafkas_words() {
        let append = change(ConfigOperation::Append, "retention.ms", Some("1"));
        let long = "1:1,".repeat(VALUE_BYTES_MAX / 4 + 1) + "1:1";
        let replicas = "leader.replication.throttled.replicas";
        for (changes, refusal, message) in [
            (vec![set("foo", "1")], Refusal::InvalidConfig, "Unknown topic config name: foo"),
            (
                vec![set("retention.ms", "x")],
                Refusal::InvalidConfig,
                "Invalid value x for configuration retention.ms: Not a number of type LONG",
            ),
            (vec![append], Refusal::InvalidConfig, "Can't APPEND to key retention.ms because its type is not LIST."),
            (
                vec![set("retention.ms", "1"), set("retention.ms", "2")],
                Refusal::InvalidRequest,
                "Error due to duplicate config keys",
            ),
            (
                vec![change(ConfigOperation::Set, "retention.ms", None)],
                Refusal::InvalidRequest,
                "Null value not supported for : retention.ms",
            ),
            (
                vec![change(ConfigOperation::Unknown(9), "retention.ms", Some("1"))],
                Refusal::InvalidRequest,
                "Unknown operations type 9",
            ),
            (
                vec![set(replicas, &long)],
                Refusal::InvalidConfig,
                "The configuration value cannot be added because it exceeds the maximum value size of 32767 bytes.",
            ),
        ] {
            assert_eq!(altered(&[], &changes).expect_err(message), (refusal, message.to_owned()));
        }
    }
}
