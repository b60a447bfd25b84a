//! Whether a journal may write to a store: the question that keeps a copied or restored directory from destroying
//! what the original acknowledged.

use apus_core::ids::{Incarnation, Lsn, Uuid};

use crate::owner::Owner;

/// What a recovered journal says of itself.
#[derive(Clone, Debug)]
pub struct Claimant<'a> {
    /// Its id; nothing where it has no group.
    pub journal: Option<Uuid>,
    /// Every start that it knows of, with what it drew.
    pub begun: &'a [(Incarnation, Uuid)],
    /// Its last command.
    pub last: Lsn,
}

/// Refuses unless the journal holds the start that OWNER names and reaches its floor.
///
/// # Errors
/// What a person reads: the reason and what to do.
pub fn judge(owner: Option<&Owner>, claimant: &Claimant) -> Result<(), String> {
    let Some(owner) = owner else { return Ok(()) };
    let Some(journal) = claimant.journal else {
        return Err(format!(
            "the store belongs to journal {}, and data.dir holds no journal. Records that were acknowledged may be in \
             that journal alone: point data.dir at it, or give diskless.store a prefix that was never used",
            owner.journal
        ));
    };
    if journal != owner.journal {
        return Err(format!(
            "the store belongs to journal {}, and data.dir holds journal {journal}: point data.dir or diskless.store \
             at the other's counterpart",
            owner.journal
        ));
    }
    if !claimant.begun.contains(&(owner.incarnation, owner.nonce)) {
        return Err(format!(
            "data.dir is a copy or an old backup: the store was taken over by start {} of this journal, which this copy \
             does not know. Start with the data.dir that was last in use; this one lacks what was acknowledged since",
            owner.incarnation
        ));
    }
    if claimant.last < owner.floor {
        return Err(format!(
            "data.dir is an old backup: its journal ends at {}, and the store is known to be at {} at least. Start with \
             the data.dir that was last in use",
            claimant.last, owner.floor
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        let floor = Lsn(10);
        let snapshot = Some(apus_core::world::ObjectKey::new("s"));
        Owner { journal: Uuid([1; 16]), incarnation: Incarnation(3), nonce: Uuid([3; 16]), floor, snapshot }
    }

    fn verdict(journal: Option<u8>, begun: &[(u32, u8)], last: u64) -> Result<(), String> {
        let begun: Vec<_> = begun.iter().map(|(number, nonce)| (Incarnation(*number), Uuid([*nonce; 16]))).collect();
        let journal = journal.map(|byte| Uuid([byte; 16]));
        judge(Some(&owner()), &Claimant { journal, begun: &begun, last: Lsn(last) })
    }

    #[test]
    fn only_the_journal_that_owner_names_may_write() {
        assert_eq!(verdict(Some(1), &[(2, 2), (3, 3), (4, 4)], 10), Ok(()));
        assert!(verdict(None, &[], 0).is_err_and(|why| why.contains("no journal")));
        assert!(verdict(Some(9), &[(3, 3)], 99).is_err_and(|why| why.contains("holds journal")));
        assert!(verdict(Some(1), &[(2, 2)], 99).is_err_and(|why| why.contains("a copy")));
        assert!(verdict(Some(1), &[(3, 9)], 99).is_err_and(|why| why.contains("a copy")));
        assert!(verdict(Some(1), &[(3, 3)], 9).is_err_and(|why| why.contains("old backup")));
        assert_eq!(judge(None, &Claimant { journal: None, begun: &[], last: Lsn(0) }), Ok(()));
    }
}
