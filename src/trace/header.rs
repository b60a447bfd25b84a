//! What a core was started with.
//!
//! | field | |
//! | --- | --- |
//! | chance | u64: the state of the core's stream of chance |
//! | properties | list of key text, value text: the file's, then the command line's |
//! | host | name text, CPUs u64 |
//! | listeners | list of port u16, advertised port u16: as they were found |

use apus_core::config::{Config, Host, Property, Source};
use apus_core::time::Rng;
use bytes::Bytes;

use super::stored::Stored;

/// What a core was started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The state of its stream of chance at the first turn.
    pub chance: u64,
    /// Its configuration, as somebody wrote it.
    pub properties: Vec<(String, String)>,
    /// The machine's name, and its CPUs.
    pub host: (String, u64),
    /// The ports of the listeners, and those that clients are told.
    pub listeners: Vec<(u16, u16)>,
}

impl Header {
    /// Of a configuration and what it was made of.
    #[must_use]
    pub fn of(config: &Config, properties: &[Property], host: &Host) -> Header {
        let listeners = config.listeners.iter();
        Header {
            chance: 0,
            properties: properties.iter().map(|each| (each.key.clone(), each.value.clone())).collect(),
            host: (host.name.clone(), host.cpus as u64),
            listeners: listeners.map(|listener| (listener.port, listener.advertised.port)).collect(),
        }
    }

    /// The same, where chance stands here.
    #[must_use]
    pub fn at(self, chance: &Rng) -> Header {
        Header { chance: chance.state(), ..self }
    }

    /// The configuration again.
    ///
    /// # Errors
    /// Why this binary does not take it.
    pub fn config(&self) -> Result<Config, String> {
        let property = |(key, value): &(String, String)| Property {
            key: key.clone(),
            value: value.clone(),
            source: Source::Argument,
        };
        let properties: Vec<Property> = self.properties.iter().map(property).collect();
        let host = Host { name: self.host.0.clone(), cpus: usize::try_from(self.host.1).unwrap_or(1).max(1) };
        let mut config = Config::load(&properties, &host).map_err(|problems| format!("{problems:?}"))?;
        if config.listeners.len() != self.listeners.len() {
            return Err(format!("{} listeners instead of {}", config.listeners.len(), self.listeners.len()));
        }
        for (listener, (port, advertised)) in config.listeners.iter_mut().zip(&self.listeners) {
            (listener.port, listener.advertised.port) = (*port, *advertised);
        }
        Ok(config)
    }
}

impl Stored for Header {
    fn put(&self, out: &mut Vec<u8>) {
        self.chance.put(out);
        self.properties.put(out);
        self.host.put(out);
        self.listeners.put(out);
    }

    fn take(from: &mut Bytes) -> Option<Self> {
        let (chance, properties) = Stored::take(from)?;
        let (host, listeners) = Stored::take(from)?;
        Some(Header { chance, properties, host, listeners })
    }
}
