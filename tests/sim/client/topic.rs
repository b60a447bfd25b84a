//! A topic as clients use it.

use apus_core::ids::Uuid;

/// A topic: how it comes to be, what it keeps, and what a client knows of it.
#[derive(Clone, Debug)]
pub struct Topic {
    pub name: &'static str,
    pub partitions: i32,
    /// Created by CreateTopics; else by asking for it.
    pub is_created: bool,
    /// An admin creates it, deletes it and creates it again; nobody else does.
    pub is_deleted: bool,
    /// What limits it.
    pub retention: Option<Limit>,
    /// As this client was told last; zero where it was told that there is none.
    pub id: Uuid,
}

/// A setting of retention.
#[derive(Clone, Debug)]
pub struct Limit {
    pub key: &'static str,
    pub value: i64,
    /// The value as a request carries it.
    pub text: String,
}

impl Topic {
    /// A topic that is created once and keeps everything.
    pub fn new(name: &'static str, partitions: i32) -> Topic {
        Topic { name, partitions, is_created: true, is_deleted: false, retention: None, id: Uuid::ZERO }
    }

    /// Whether this client knows it.
    pub fn is_known(&self) -> bool {
        self.id != Uuid::ZERO
    }

    /// The limit in this setting, where it has one.
    pub fn limit(&self, key: &str) -> Option<i64> {
        self.retention.as_ref().filter(|limit| limit.key == key).map(|limit| limit.value)
    }
}

impl Limit {
    /// This setting at this value.
    pub fn new(key: &'static str, value: i64) -> Limit {
        Limit { key, value, text: value.to_string() }
    }
}
