//! Whom a quota is for.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::error::{Refusal, Refused};

/// Kafka's names of the kinds of entities, in order.
const CLIENT_ID: &str = "client-id";
const IP: &str = "ip";
const USER: &str = "user";

/// One of a kind, or all of it that have no quota by their name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntityName {
    /// All that have none of their own.
    Default,
    /// This one.
    Named(Arc<str>),
}

/// Clients of a user, of a client id, of both, or of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuotaEntity {
    /// The user, where it matters.
    pub user: Option<EntityName>,
    /// The client id, where it matters.
    pub client_id: Option<EntityName>,
    /// The address, where it matters; then nothing else does.
    pub ip: Option<EntityName>,
}

impl EntityName {
    /// As the protocol says it: null is the default.
    #[must_use]
    pub fn of(name: Option<Arc<str>>) -> EntityName {
        name.map_or(EntityName::Default, EntityName::Named)
    }

    /// The other way.
    #[must_use]
    pub fn name(&self) -> Option<&Arc<str>> {
        match self {
            EntityName::Default => None,
            EntityName::Named(name) => Some(name),
        }
    }
}

impl QuotaEntity {
    /// What a client names by kind; of a kind that stands twice the last one counts, as in Kafka.
    ///
    /// # Errors
    /// `InvalidRequest` where no quota can be for it.
    pub fn parse(parts: &[(Arc<str>, Option<Arc<str>>)]) -> Result<QuotaEntity, Refused> {
        let refuse = |message: String| Err(Refused::new(Refusal::InvalidRequest, message));
        if parts.is_empty() {
            return refuse("Invalid empty client quota entity".to_owned());
        }
        let mut entity = QuotaEntity::default();
        for (kind, name) in parts {
            let Some(place) = entity.place(kind) else {
                return refuse(format!("Unhandled client quota entity type: {kind}"));
            };
            if name.as_deref() == Some("") {
                return refuse(format!("Empty {kind} not supported"));
            }
            *place = Some(EntityName::of(name.clone()));
        }
        if entity.ip.is_some() && (entity.user.is_some() || entity.client_id.is_some()) {
            let message = "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId";
            return refuse(message.to_owned());
        }
        if let Some(EntityName::Named(ip)) = &entity.ip
            && ip.parse::<IpAddr>().is_err()
        {
            return refuse(format!("{ip} is not a valid IP or resolvable host."));
        }
        Ok(entity)
    }

    fn place(&mut self, kind: &str) -> Option<&mut Option<EntityName>> {
        match kind {
            CLIENT_ID => Some(&mut self.client_id),
            IP => Some(&mut self.ip),
            USER => Some(&mut self.user),
            _ => None,
        }
    }

    /// The name of this kind, where it matters; nothing of it where there is no such kind.
    #[must_use]
    pub fn part(&self, kind: &str) -> Option<Option<&EntityName>> {
        match kind {
            CLIENT_ID => Some(self.client_id.as_ref()),
            IP => Some(self.ip.as_ref()),
            USER => Some(self.user.as_ref()),
            _ => None,
        }
    }

    /// Its names by kind, in the order of the kinds.
    pub fn parts(&self) -> impl Iterator<Item = (&'static str, &EntityName)> {
        let parts = [(CLIENT_ID, &self.client_id), (IP, &self.ip), (USER, &self.user)];
        parts.into_iter().filter_map(|(kind, name)| Some((kind, name.as_ref()?)))
    }

    /// True where a quota can be for it; what was stored must be.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let named = |name: &EntityName| name.name().is_none_or(|name| !name.is_empty());
        let (ip, other) = (self.ip.is_some(), self.user.is_some() || self.client_id.is_some());
        ip != other && self.parts().all(|(_, name)| named(name))
    }

    /// Bytes of its names.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.parts().map(|(_, name)| name.name().map_or(0, |name| name.len() as u64)).sum()
    }
}

impl fmt::Display for QuotaEntity {
    /// As Kafka prints it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ClientQuotaEntity(entries={")?;
        for (index, (kind, name)) in self.parts().enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            write!(out, "{separator}{kind}={}", name.name().map_or("null", |name| &**name))?;
        }
        out.write_str("})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(parts: &[(&str, Option<&str>)]) -> Result<QuotaEntity, String> {
        let parts: Vec<_> = parts.iter().map(|(kind, name)| ((*kind).into(), name.map(Arc::from))).collect();
        QuotaEntity::parse(&parts).map_err(|refused| refused.message.into_owned())
    }

    #[test]
    fn what_a_client_names_is_read() {
        let entity = parse(&[("user", Some("a")), ("client-id", None)]).expect("a user and any client");
        assert_eq!(entity.user, Some(EntityName::Named("a".into())));
        assert_eq!((entity.client_id.clone(), entity.ip.clone()), (Some(EntityName::Default), None));
        assert_eq!(entity.to_string(), "ClientQuotaEntity(entries={client-id=null, user=a})");
        assert!(entity.is_sound() && parse(&[("ip", Some("::1"))]).is_ok() && parse(&[("ip", None)]).is_ok());
        assert!(!QuotaEntity::default().is_sound());
    }

    #[test]
    fn what_no_quota_can_be_for_is_refused() {
        for (parts, message) in [
            (&[][..], "Invalid empty client quota entity"),
            (&[("group", Some("a"))][..], "Unhandled client quota entity type: group"),
            (&[("user", Some(""))][..], "Empty user not supported"),
            (&[("user", Some("a")), ("ip", None)][..], "Invalid quota entity combination"),
            (&[("ip", Some("no.such"))][..], "no.such is not a valid IP or resolvable host."),
        ] {
            assert!(parse(parts).expect_err(message).starts_with(message));
        }
    }
}
