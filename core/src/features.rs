//! What the cluster can do beyond its APIs: clients and tools change their behaviour by it, so only what works is here.
//!
//! A row is all that advertising a feature takes; [`crate::front`] judges who wants to change a level. Levels are those of
//! the binary: none is stored, and none can be changed.

/// A feature of the cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Feature {
    /// Kafka's name for it.
    pub name: &'static str,
    /// The lowest level that this broker knows.
    pub min: i16,
    /// The highest.
    pub max: i16,
    /// The level that is switched on; 0 is off.
    pub level: i16,
}

/// Kafka's number of the metadata that 4.4 keeps (`4.4-IV2`): what a client may ask of a broker follows from it.
const METADATA_VERSION: i16 = 33;

/// All that is advertised, in the order of the names. Level 1 of groups is the consumer protocol (KIP-848), that of shares
/// are share groups (KIP-932), that of streams the protocol of streams groups (KIP-1071).
pub const FEATURES: &[Feature] = &[
    Feature { name: "group.version", min: 0, max: 1, level: 1 },
    Feature { name: "metadata.version", min: METADATA_VERSION, max: METADATA_VERSION, level: METADATA_VERSION },
    Feature { name: "share.version", min: 0, max: 1, level: 1 },
    Feature { name: "streams.version", min: 0, max: 1, level: 1 },
];

/// The feature of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Feature> {
    FEATURES.iter().find(|feature| feature.name == name)
}

const _: () = {
    let mut at = 0;
    while at < FEATURES.len() {
        let Feature { min, max, level, .. } = FEATURES[at];
        assert!(0 <= min && min <= level && level <= max);
        at += 1;
    }
};
