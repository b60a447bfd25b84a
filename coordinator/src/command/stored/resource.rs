//! Groups, and subscriptions to metrics of clients.

use std::sync::Arc;

use apus_core::config::ResourceKind;
use rkyv::{Archive, Deserialize, Serialize};

use super::topic::by_key;
use super::{HeadV1, Stored};
use crate::command::frame::Corrupt;
use crate::command::{Command, Envelope};

/// See [`Command::ConfigureResource`]. Configs stand in the order of their keys.
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct ConfigureResourceV1 {
    head: HeadV1,
    kind: i8,
    name: String,
    configs: Vec<(String, String)>,
}

impl Stored for ConfigureResourceV1 {
    const FRAME: (u16, u16) = (40, 1);

    fn of(envelope: &Envelope) -> Option<ConfigureResourceV1> {
        let Command::ConfigureResource { kind, name, configs } = &envelope.command else {
            return None;
        };
        let configs = configs.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let (kind, name) = (kind.number(), name.to_string());
        Some(ConfigureResourceV1 { head: HeadV1::of(envelope), kind, name, configs })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        let kind = ResourceKind::of(self.kind).ok_or(Corrupt::Value("a resource's kind"))?;
        if self.name.is_empty() {
            return Err(Corrupt::Value("a resource without a name"));
        }
        let (name, configs) = (Arc::from(self.name), by_key(self.configs)?);
        Ok(self.head.with(Command::ConfigureResource { kind, name, configs }))
    }
}
