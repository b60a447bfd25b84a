//! What a quota bounds, and by how much.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::entity::QuotaEntity;
use crate::error::{Refusal, Refused};

/// What is bounded, in the order of Kafka's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuotaKey {
    /// Connections a second from an address.
    ConnectionCreationRate,
    /// Bytes of records a second that are fetched.
    ConsumerByteRate,
    /// Partitions a second that are created or deleted.
    ControllerMutationRate,
    /// Bytes of requests a second that bring records.
    ProducerByteRate,
    /// Time of a core, in hundredths of it.
    RequestPercentage,
}

/// How much: a finite number above zero, kept by its bits, which are ordered as such numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bound(u64);

/// All that is set for one entity.
pub type Quotas = BTreeMap<QuotaKey, Bound>;

impl Bound {
    /// A bound of so much; nothing where it is none.
    #[must_use]
    pub fn new(value: f64) -> Option<Bound> {
        (value.is_finite() && value > 0.0).then(|| Bound(value.to_bits()))
    }

    /// How much.
    #[must_use]
    pub fn value(self) -> f64 {
        f64::from_bits(self.0)
    }

    /// As it is stored.
    #[must_use]
    pub fn bits(self) -> u64 {
        self.0
    }
}

impl QuotaKey {
    /// Every key.
    pub const ALL: [QuotaKey; 5] = [
        QuotaKey::ConnectionCreationRate,
        QuotaKey::ConsumerByteRate,
        QuotaKey::ControllerMutationRate,
        QuotaKey::ProducerByteRate,
        QuotaKey::RequestPercentage,
    ];

    /// Kafka's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            QuotaKey::ConnectionCreationRate => "connection_creation_rate",
            QuotaKey::ConsumerByteRate => "consumer_byte_rate",
            QuotaKey::ControllerMutationRate => "controller_mutation_rate",
            QuotaKey::ProducerByteRate => "producer_byte_rate",
            QuotaKey::RequestPercentage => "request_percentage",
        }
    }

    /// The key of this name.
    #[must_use]
    pub fn of(name: &str) -> Option<QuotaKey> {
        QuotaKey::ALL.into_iter().find(|key| key.name() == name)
    }

    /// The number that stands for it in what is stored.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The key of this number.
    #[must_use]
    pub fn numbered(number: u8) -> Option<QuotaKey> {
        QuotaKey::ALL.into_iter().find(|key| key.number() == number)
    }

    /// Addresses have one key, and all others have the rest.
    fn is_of(self, entity: &QuotaEntity) -> bool {
        (self == QuotaKey::ConnectionCreationRate) == entity.ip.is_some()
    }

    /// The largest value, and Kafka's word for its type, where only whole numbers are some.
    fn whole(self) -> Option<(f64, &'static str)> {
        match self {
            QuotaKey::ConnectionCreationRate => Some((f64::from(i32::MAX), "an INT")),
            QuotaKey::ConsumerByteRate | QuotaKey::ProducerByteRate => Some((i64::MAX as f64, "a LONG")),
            QuotaKey::ControllerMutationRate | QuotaKey::RequestPercentage => None,
        }
    }

    fn check(self, value: f64) -> Result<Bound, String> {
        let name = self.name();
        if !value.is_finite() {
            return Err(format!("Quota {name} must be a finite number"));
        }
        let bound = Bound::new(value).ok_or_else(|| format!("Quota {name} must be greater than 0"))?;
        match self.whole() {
            Some((max, kind)) if value > max => Err(format!("Proposed value for {name} is too large for {kind}.")),
            Some(_) if value % 1.0 > 1e-6 => Err(format!("{name} cannot be a fractional value.")),
            _ => Ok(bound),
        }
    }
}

/// What is set for an entity after these changes; a change without a value takes one back.
///
/// # Errors
/// `InvalidRequest` where a key or a value is none.
pub fn alter_quotas(
    entity: &QuotaEntity,
    before: &Quotas,
    changes: &[(Arc<str>, Option<f64>)],
) -> Result<Quotas, Refused> {
    let refuse = |message: String| Err(Refused::new(Refusal::InvalidRequest, message));
    let mut altered = before.clone();
    for (index, (name, value)) in changes.iter().enumerate() {
        if changes[..index].iter().any(|(earlier, _)| earlier == name) {
            return refuse(format!("Duplicate quota key {name} not updating quota for this entity {entity}"));
        }
        let key = QuotaKey::of(name).filter(|key| key.is_of(entity));
        match (key, value) {
            (Some(key), None) => drop(altered.remove(&key)),
            (None, None) => {}
            (None, Some(_)) => return refuse(format!("Invalid configuration key {name}")),
            (Some(key), Some(value)) => match key.check(*value) {
                Ok(bound) => drop(altered.insert(key, bound)),
                Err(message) => return refuse(message),
            },
        }
        if index >= QuotaKey::ALL.len() {
            return refuse(format!("Invalid configuration key {name}"));
        }
    }
    Ok(altered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn altered(ip: bool, before: &Quotas, name: &str, value: Option<f64>) -> Result<Quotas, String> {
        let part = Some(super::super::EntityName::Default);
        let entity = if ip {
            QuotaEntity { ip: part, ..QuotaEntity::default() }
        } else {
            QuotaEntity { user: part, ..QuotaEntity::default() }
        };
        alter_quotas(&entity, before, &[(name.into(), value)]).map_err(|refused| refused.message.into_owned())
    }

    #[test]
    fn every_key_is_known_by_name_and_number() {
        assert!(QuotaKey::ALL.is_sorted_by_key(|key| key.name()));
        for key in QuotaKey::ALL {
            assert_eq!((QuotaKey::of(key.name()), QuotaKey::numbered(key.number())), (Some(key), Some(key)));
        }
        assert!(Bound::new(1.0) < Bound::new(1.5) && Bound::new(1e9) > Bound::new(2.0));
        assert_eq!([0.0, -1.0, f64::NAN, f64::INFINITY].map(Bound::new), [None; 4]);
    }

    #[test]
    fn bounds_come_and_go() {
        let set = altered(false, &Quotas::new(), "producer_byte_rate", Some(1024.0)).expect("a bound");
        assert_eq!(set[&QuotaKey::ProducerByteRate].value().to_bits(), 1024_f64.to_bits());
        assert_eq!(altered(false, &set, "producer_byte_rate", None), Ok(Quotas::new()));
        assert_eq!(altered(false, &set, "whatever", None), Ok(set.clone()), "what is not there goes");
        assert!(altered(true, &Quotas::new(), "connection_creation_rate", Some(5.0)).is_ok());
        assert!(altered(false, &Quotas::new(), "request_percentage", Some(0.5)).is_ok());
    }

    #[test]
    fn what_is_no_bound_is_refused_in_kafkas_words() {
        for (ip, name, value, message) in [
            (false, "foo", 1.0, "Invalid configuration key foo"),
            (true, "producer_byte_rate", 1.0, "Invalid configuration key producer_byte_rate"),
            (false, "connection_creation_rate", 1.0, "Invalid configuration key connection_creation_rate"),
            (false, "producer_byte_rate", f64::NAN, "Quota producer_byte_rate must be a finite number"),
            (false, "producer_byte_rate", 0.0, "Quota producer_byte_rate must be greater than 0"),
            (false, "consumer_byte_rate", 1.5, "consumer_byte_rate cannot be a fractional value."),
            (false, "consumer_byte_rate", 1e30, "Proposed value for consumer_byte_rate is too large for a LONG."),
            (
                true,
                "connection_creation_rate",
                3e9,
                "Proposed value for connection_creation_rate is too large for an INT.",
            ),
        ] {
            assert_eq!(altered(ip, &Quotas::new(), name, Some(value)), Err(message.to_owned()));
        }
        let twice = [("producer_byte_rate".into(), Some(1.0)), ("producer_byte_rate".into(), Some(2.0))];
        assert!(alter_quotas(&QuotaEntity::default(), &Quotas::new(), &twice).is_err());
    }
}
