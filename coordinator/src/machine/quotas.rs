//! AlterClientQuotas: decided entity by entity, answered when every core acts on the new quotas.

use std::collections::BTreeSet;
use std::sync::Arc;

use apus_core::api::{AlterQuotasRequest, AlterQuotasResponse, QuotaAlteration};
use apus_core::catalog::CatalogChange;
use apus_core::error::{Refusal, Refused};
use apus_core::ids::{CoreId, Ticket};
use apus_core::limits;
use apus_core::message::Answer;
use apus_core::quota::{QuotaEntity, Quotas, alter_quotas};
use apus_core::turn::Turn;

use super::leader::Leader;
use super::prepared::Prepared;
use super::topics::full;
use crate::command::Command;
use crate::journal::{Claim, Room};
use crate::ledger::{Decision, QuotaRecord};

/// What cores are told of an entity.
pub(super) fn quota_change(record: &QuotaRecord) -> CatalogChange {
    CatalogChange::Quota { entity: record.entity.clone(), quotas: Arc::clone(&record.quotas) }
}

impl Leader {
    /// Changes what may be changed; hands the request back where it must wait for a segment.
    pub(crate) fn alter_quotas(
        &mut self,
        core: CoreId,
        ticket: Ticket,
        request: AlterQuotasRequest,
        turn: &mut Turn,
    ) -> Option<AlterQuotasRequest> {
        let prepared = self.quota_alterations(&request, turn);
        let commands = prepared.iter().flatten().flatten();
        let room = if request.validate_only { Room::Yes } else { self.room_for(commands, Claim::Client) };
        if room == Room::Soon {
            return Some(request);
        }
        let mut changes = Vec::new();
        let mut entries = Vec::with_capacity(prepared.len());
        for (entry, prepared) in request.entries.into_iter().zip(prepared) {
            let result = match prepared {
                Err(refused) => Err(refused),
                Ok(None) => Ok(()),
                Ok(Some(_)) if request.validate_only => Ok(()),
                Ok(Some(_)) if room == Room::No => Err(full()),
                Ok(Some(prepared)) => {
                    let Decision::QuotasSet(record) = self.apply(prepared).1 else {
                        unreachable!("quotas end as such")
                    };
                    changes.push(quota_change(&record));
                    Ok(())
                }
            };
            entries.push((entry.entity, result));
        }
        self.publish(changes, core, ticket, Answer::AlterQuotas(AlterQuotasResponse { entries }), turn);
        None
    }

    /// The command of each entity; none where nothing changes.
    fn quota_alterations(&self, request: &AlterQuotasRequest, turn: &Turn) -> Vec<Result<Option<Prepared>, Refused>> {
        let mut seen = BTreeSet::new();
        let mut held = self.ledger.quotas_held();
        let alteration = |entry: &QuotaAlteration| {
            let entity = QuotaEntity::parse(&entry.entity)?;
            if !seen.insert(entity.clone()) {
                return Err(Refused::new(Refusal::InvalidRequest, format!("Ignoring duplicate entity {entity}")));
            }
            let none = Quotas::new();
            let before = self.ledger.quotas_of(&entity).map_or(&none, |quotas| &**quotas);
            let quotas = alter_quotas(&entity, before, &entry.changes)?;
            if quotas == *before {
                return Ok(None);
            }
            if before.is_empty() {
                let grown = (held.0 + 1, held.1 + entity.bytes());
                if grown.0 > limits::QUOTAS_MAX || grown.1 > limits::QUOTA_BYTES_MAX {
                    let message = "The cluster has no room for quotas of so many entities.";
                    return Err(Refused::new(Refusal::PolicyViolation, message));
                }
                held = grown;
            }
            Ok(Some(Prepared::new(Command::SetQuotas { entity, quotas: Arc::new(quotas) }, turn)))
        };
        request.entries.iter().map(alteration).collect()
    }
}
