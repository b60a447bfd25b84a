//! Quotas of clients.

use std::sync::Arc;

use apus_core::quota::{Bound, EntityName, QuotaEntity, QuotaKey, Quotas};
use rkyv::{Archive, Deserialize, Serialize};

use super::{HeadV1, Stored};
use crate::command::frame::Corrupt;
use crate::command::{Command, Envelope};

/// A name of an entity: absent, the default one (no name), or a name.
#[derive(Archive, Serialize, Deserialize)]
struct NameV1 {
    name: Option<String>,
}

/// See [`Command::SetQuotas`]. Quotas stand in the order of their keys: the number of each, and the bits of its bound.
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct SetQuotasV1 {
    head: HeadV1,
    user: Option<NameV1>,
    client_id: Option<NameV1>,
    ip: Option<NameV1>,
    quotas: Vec<(u8, u64)>,
}

impl NameV1 {
    fn of(name: Option<&EntityName>) -> Option<NameV1> {
        name.map(|name| NameV1 { name: name.name().map(|name| name.to_string()) })
    }

    fn read(name: Option<NameV1>) -> Option<EntityName> {
        name.map(|name| EntityName::of(name.name.map(Arc::from)))
    }
}

impl Stored for SetQuotasV1 {
    const FRAME: (u16, u16) = (41, 1);

    fn of(envelope: &Envelope) -> Option<SetQuotasV1> {
        let Command::SetQuotas { entity, quotas } = &envelope.command else {
            return None;
        };
        Some(SetQuotasV1 {
            head: HeadV1::of(envelope),
            user: NameV1::of(entity.user.as_ref()),
            client_id: NameV1::of(entity.client_id.as_ref()),
            ip: NameV1::of(entity.ip.as_ref()),
            quotas: quotas.iter().map(|(key, bound)| (key.number(), bound.bits())).collect(),
        })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        let entity = QuotaEntity {
            user: NameV1::read(self.user),
            client_id: NameV1::read(self.client_id),
            ip: NameV1::read(self.ip),
        };
        if !entity.is_sound() {
            return Err(Corrupt::Value("whom a quota is for"));
        }
        let mut quotas = Quotas::new();
        for (number, bits) in self.quotas {
            let key = QuotaKey::numbered(number).ok_or(Corrupt::Value("a quota's key"))?;
            let bound = Bound::new(f64::from_bits(bits)).ok_or(Corrupt::Value("a quota's bound"))?;
            if quotas.insert(key, bound).is_some() {
                return Err(Corrupt::Value("a quota that stands twice"));
            }
        }
        Ok(self.head.with(Command::SetQuotas { entity, quotas: Arc::new(quotas) }))
    }
}
