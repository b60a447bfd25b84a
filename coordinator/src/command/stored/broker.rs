//! Brokers.

use apus_core::ids::BrokerId;
use rkyv::{Archive, Deserialize, Serialize};

use super::topic::by_key;
use super::{HeadV1, Stored};
use crate::command::frame::Corrupt;
use crate::command::{Command, Envelope};

/// Stands for all brokers.
const ALL: i32 = -1;

/// See [`Command::ConfigureBroker`]. Configs stand in the order of their keys.
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct ConfigureBrokerV1 {
    head: HeadV1,
    broker: i32,
    configs: Vec<(String, String)>,
}

impl Stored for ConfigureBrokerV1 {
    const FRAME: (u16, u16) = (22, 1);

    fn of(envelope: &Envelope) -> Option<ConfigureBrokerV1> {
        let Command::ConfigureBroker { broker, configs } = &envelope.command else {
            return None;
        };
        let configs = configs.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        Some(ConfigureBrokerV1 { head: HeadV1::of(envelope), broker: broker.map_or(ALL, |broker| broker.0), configs })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        if self.broker < ALL {
            return Err(Corrupt::Value("a broker's id"));
        }
        let configs = by_key(self.configs)?;
        let broker = (self.broker != ALL).then_some(BrokerId(self.broker));
        Ok(self.head.with(Command::ConfigureBroker { broker, configs }))
    }
}
