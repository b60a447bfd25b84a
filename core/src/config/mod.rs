//! Configuration: from text to what a broker and its topics act on. Pure; the binary reads the file.
//!
//! One table of broker keys ([`broker_keys`]) and one of topic keys ([`topic_keys`]) are all that is known of a key:
//! parsing, bounds, the errors at the start, `apus config` and DescribeConfigs come from them.
//!
//! - Keys are Kafka's own names, `diskless.*` where Kafka has none. A Kafka `server.properties` starts Apus.
//! - Kafka's keys without a meaning here are kept, shown and named in one line ([`Config::meaningless`]).
//! - A key that promises security is refused, never passed over; so is a name that nobody knows.
//! - All problems are found before any is reported.
//! - A value that passed the table's check always fits the typed field that it becomes.

mod alter;
mod broker;
pub mod broker_keys;
mod describe;
mod dynamic;
mod foreign;
mod key;
mod listener;
mod listing;
mod migration;
mod offset_reset;
mod place;
mod problem;
mod properties;
mod resources;
mod settings;
mod share;
mod streams;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod topic;
pub mod topic_keys;
mod value;

pub use alter::{ConfigChange, ConfigOperation, alter_topic};
pub use broker::{Config, Host, HttpListener, JournalPlace, S3Config};
pub use describe::{ConfigRow, ConfigSource, ConfigSynonym, describe_broker, describe_brokers, describe_topic};
pub use dynamic::alter_broker;
pub use key::{Importance, Key, Mode, Preset};
pub use listener::{Bind, Endpoint, Listener};
pub use listing::listing;
pub use migration::MigrationPolicy;
pub use offset_reset::OffsetReset;
pub use place::StorePlace;
pub use problem::{Problem, Property, Source};
pub use properties::parse;
pub use resources::{GroupBounds, ResourceKind, alter_resource, describe_resource, group_times};
pub use settings::{Given, Rank, Setting, Settings};
pub use share::ShareConfig;
pub use streams::StreamsGroups;
pub use topic::{Compression, TimestampType, TopicConfig};
pub use value::{Check, Fault, Kind, Value};
