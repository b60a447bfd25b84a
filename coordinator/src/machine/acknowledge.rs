//! What members of share groups say about their records, journaled before anybody is told.

use std::sync::Arc;

use apus_core::api::{ShareCaller, ShareTopic};
use apus_core::error::{Refusal, Refused};
use apus_core::limits::SHARE_CHANGES_MAX;
use apus_core::turn::Turn;

use super::leader::Leader;
use crate::command::Command;
use crate::command::shares::{ChangeShares, Delivery, ShareChange};
use crate::journal::{Claim, Room};
use crate::ledger::Decision;
use crate::shares::ShareKey;
use crate::shares::locks::{RENEW, Settled, check_batches};
use crate::shares::waiting::Told;

impl Leader {
    /// Takes what a member says, partition by partition; one that is named twice is taken once.
    pub(super) fn acknowledge(&mut self, caller: &ShareCaller, topics: &[ShareTopic], turn: &mut Turn) -> Told {
        let mut told = Told::new();
        for topic in topics {
            for (index, batches) in topic.partitions.iter().filter(|(_, batches)| !batches.is_empty()) {
                let place = (topic.topic, *index);
                if told.contains_key(&place) {
                    continue;
                }
                let may_renew = caller.knows_renewal && caller.renews;
                let judged = check_batches(batches, may_renew).and_then(|()| {
                    let partition = self.shared_partition(&caller.group_id, place.0, place.1)?;
                    let key = (Arc::clone(&caller.group_id), partition);
                    Ok((self.judge(&key, caller, batches)?, key))
                });
                let noted = judged.and_then(|(settled, key)| {
                    self.settle_shares(&key, &settled, Claim::Client, turn)
                        .map_err(|_| Refusal::CoordinatorNotAvailable.into())
                });
                told.insert(place, noted.err());
            }
        }
        told
    }

    fn judge(
        &self,
        key: &ShareKey,
        caller: &ShareCaller,
        batches: &[apus_core::api::ShareBatch],
    ) -> Result<Vec<Settled>, Refused> {
        let rules = self.share_rules(&key.0);
        if !rules.renews && batches.iter().any(|batch| batch.types.contains(&RENEW)) {
            let message = "Renewing acquisition locks is not enabled for the group.";
            return Err(Refused::new(Refusal::InvalidRecordState, message));
        }
        let stored = self.ledger.share(&key.0, key.1).ok_or(Refusal::UnknownTopicOrPartition)?;
        let start = self.ledger.bounds(key.1).map_or(stored.start, |bounds| stored.start.max(bounds.log_start_offset));
        let nobody = crate::shares::locks::Locks::default();
        let locks = self.membership.shares.locks(key).unwrap_or(&nobody);
        let settled = locks.judge(start, &caller.member_id, batches, rules.deliveries_max)?;
        if settled.len() > SHARE_CHANGES_MAX {
            return Err(Refusal::InvalidRequest.into());
        }
        Ok(settled)
    }

    /// Stores what was judged of one share partition; then its locks follow, and whoever waits for what came back is looked
    /// at.
    ///
    /// # Errors
    /// Where there is no room in the journal: nothing changed.
    pub(super) fn settle_shares(
        &mut self,
        key: &ShareKey,
        settled: &[Settled],
        claim: Claim,
        turn: &mut Turn,
    ) -> Result<(), Room> {
        let runs: Vec<_> = settled.iter().filter(|one| !one.renewed).map(|one| one.run).collect();
        let back = runs.iter().any(|run| run.delivery == Delivery::Available);
        if let Some(stored) = self.ledger.share(&key.0, key.1).filter(|_| !runs.is_empty()) {
            let bounds = self.ledger.bounds(key.1);
            let start = bounds.map_or(stored.start, |bounds| stored.start.max(bounds.log_start_offset));
            let change = ShareChange { partition: key.1, whole: false, start, runs };
            self.change_shares(&key.0, vec![change], claim, turn)?;
        }
        let lock_ms = self.share_rules(&key.0).lock_ms;
        let until = turn.now.after_ms(lock_ms.unsigned_abs().into());
        self.membership.shares.on(key, |locks| locks.settle(settled, until));
        // What is done with makes room for others, too.
        if back || !settled.is_empty() {
            self.membership.shares.waiting.moved(key.1);
        }
        Ok(())
    }

    /// Journals changes of share partitions of a group, in commands of a bounded size.
    ///
    /// # Errors
    /// Where there is no room for all of them; those before are stored.
    pub(super) fn change_shares(
        &mut self,
        group: &Arc<str>,
        changes: Vec<ShareChange>,
        claim: Claim,
        turn: &mut Turn,
    ) -> Result<(), Room> {
        let mut changes = changes.into_iter().peekable();
        while changes.peek().is_some() {
            let (mut command, mut runs) = (ChangeShares { group: Arc::clone(group), changes: Vec::new() }, 0);
            // A head of a change is taken for three runs.
            while let Some(next) = changes.next_if(|next| runs == 0 || runs + 3 + next.runs.len() <= SHARE_CHANGES_MAX)
            {
                runs += 3 + next.runs.len();
                command.changes.push(next);
            }
            let (_, outcome) = self.submit(Command::ChangeShares(Arc::new(command)), claim, turn)?;
            let Decision::SharesChanged(result) = outcome.decision else { unreachable!("a change ends as one") };
            // Beyond the bound of share partitions, a new one is not there; everything else was looked up.
            assert!(matches!(result, Ok(()) | Err(Refusal::CoordinatorNotAvailable)), "{result:?}");
        }
        Ok(())
    }
}
