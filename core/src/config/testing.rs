//! What tests of this module start from.

use std::collections::BTreeMap;

use super::{Config, Host, parse};

/// A machine of four CPUs.
pub fn host() -> Host {
    Host { name: "swift.example".to_owned(), cpus: 4 }
}

/// The configuration of a file.
pub fn broker(text: &str) -> Config {
    load(text).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// The configuration of a file, or its problems as they are shown.
pub fn load(text: &str) -> Result<Config, Vec<String>> {
    let (properties, problems) = parse(text);
    assert_eq!(problems, []);
    let loaded = Config::load(&properties, &host());
    loaded.map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

/// Settings of a topic.
pub fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
