//! What clients are asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use regex::Regex;

use crate::api::Context;
use crate::batch::crc32c;
use crate::ids::Uuid;

/// How often a client pushes that no subscription matches, if it were to.
const INTERVAL_MS_DEFAULT: i32 = 300_000;
/// Everything; then no other prefix matters.
const EVERYTHING: &str = "*";
/// A pattern grows to this at most while it is made ready: it is an operator's, and may still be a mistake.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// A resource, understood.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    interval_ms: i32,
    metrics: BTreeSet<Arc<str>>,
    /// All of them must match. A pattern that is none matches nobody.
    patterns: Vec<(String, Option<Regex>)>,
}

/// What one client is asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// Prefixes of names; one that is empty is everything, none is nothing.
    pub metrics: Vec<Arc<str>>,
    /// How often, milliseconds.
    pub interval_ms: i32,
    /// Stands for what it is asked for, and for the client.
    pub number: i32,
}

/// A pattern for the whole of a value.
pub(crate) fn pattern(text: &str) -> Option<Regex> {
    regex::RegexBuilder::new(&format!("^(?:{text})$")).size_limit(PATTERN_BYTES_MAX).build().ok()
}

impl Subscription {
    /// What these settings mean; they were checked when they were set.
    pub(super) fn of(configs: &BTreeMap<String, String>) -> Subscription {
        let list = |key: &str| {
            let parts = configs.get(key).into_iter().flat_map(|text| text.split(','));
            parts.map(str::trim).filter(|part| !part.is_empty())
        };
        let interval = configs.get("interval.ms").and_then(|text| text.trim().parse().ok());
        let pair = |part: &str| {
            let (name, text) = part.split_once('=').unwrap_or((part, ""));
            (name.trim().to_owned(), pattern(text.trim()))
        };
        Subscription {
            interval_ms: interval.unwrap_or(INTERVAL_MS_DEFAULT),
            metrics: list("metrics").map(Arc::from).collect(),
            patterns: list("match").map(pair).collect(),
        }
    }

    fn matches(&self, id: Uuid, context: &Context) -> bool {
        self.patterns.iter().all(|(name, pattern)| {
            let value = attribute(name, id, context);
            value.zip(pattern.as_ref()).is_some_and(|(value, pattern)| pattern.is_match(&value))
        })
    }
}

/// What a client is known by.
fn attribute(name: &str, id: Uuid, context: &Context) -> Option<String> {
    let software = context.software.as_ref();
    Some(match name {
        "client_instance_id" => id.base64(),
        "client_id" => context.client_id.to_string(),
        "client_software_name" => software?.name.to_string(),
        "client_software_version" => software?.version.to_string(),
        "client_source_address" => context.host.trim_start_matches('/').to_owned(),
        "client_source_port" => software?.port.to_string(),
        _ => return None,
    })
}

impl Asked {
    /// What the subscriptions that match a client come to.
    pub(super) fn of<'a>(subscriptions: impl Iterator<Item = &'a Subscription>, id: Uuid, context: &Context) -> Asked {
        let (mut metrics, mut interval_ms) = (BTreeSet::new(), INTERVAL_MS_DEFAULT);
        for subscription in subscriptions.filter(|subscription| subscription.matches(id, context)) {
            metrics.extend(subscription.metrics.iter().cloned());
            interval_ms = interval_ms.min(subscription.interval_ms);
        }
        if metrics.contains(EVERYTHING) {
            metrics = [Arc::from(EVERYTHING)].into();
        }
        let metrics: Vec<Arc<str>> = metrics.into_iter().collect();
        let said = format!("[{}]{interval_ms}", metrics.join(", "));
        let number = crc32c(said.as_bytes()) ^ folded(id);
        Asked { metrics, interval_ms, number: number as i32 }
    }
}

/// An id as a number of 32 bits.
fn folded(id: Uuid) -> u32 {
    let bits = u128::from_be_bytes(id.0);
    let half = (bits >> 64) as u64 ^ bits as u64;
    (half >> 32) as u32 ^ half as u32
}
