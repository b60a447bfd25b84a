//! The snapshot that OWNER names, on its way back into a ledger.

use bytes::Bytes;

use apus_core::world::ObjectKey;

use crate::ledger::Ledger;
use crate::snapshot::{Manifest, restore};

/// Parts that are asked for at a time: 16 MiB at most.
const PARTS_MAX: usize = 16;

/// A restore under way.
#[derive(Debug)]
pub struct Restore {
    /// The folder of all snapshots, with a slash at its end.
    folder: String,
    manifest: Option<Manifest>,
    parts: Vec<Option<Bytes>>,
    asked: usize,
    found: usize,
}

impl Restore {
    /// A restore of the snapshot with this manifest.
    #[must_use]
    pub fn new(manifest: &ObjectKey) -> Restore {
        // `{folder of all}/{folder of one}/MANIFEST`
        let parts: Vec<&str> = manifest.as_str().rsplitn(3, '/').collect();
        let folder = parts.get(2).map_or_else(String::new, |folder| format!("{folder}/"));
        Restore { folder, manifest: None, parts: Vec::new(), asked: 0, found: 0 }
    }

    /// The manifest's bytes.
    ///
    /// # Errors
    /// Where they are not what was written.
    pub fn found_manifest(&mut self, bytes: &[u8]) -> Result<(), String> {
        assert!(self.manifest.is_none());
        let manifest =
            Manifest::decode(bytes).map_err(|corrupt| format!("the newest snapshot's manifest: {corrupt}"))?;
        self.parts = vec![None; manifest.parts().len()];
        self.manifest = Some(manifest);
        Ok(())
    }

    /// The next part to ask for, while few are under way.
    pub fn next_part(&mut self) -> Option<(usize, ObjectKey)> {
        let entry = self.manifest.as_ref()?.parts().get(self.asked)?;
        if self.asked - self.found >= PARTS_MAX {
            return None;
        }
        let key = ObjectKey::new(&format!("{}{}", self.folder, entry.name()));
        self.asked += 1;
        Some((self.asked - 1, key))
    }

    /// A part's bytes.
    pub fn found_part(&mut self, index: usize, bytes: Bytes) {
        assert!(self.parts[index].is_none(), "a part is read once");
        self.parts[index] = Some(bytes);
        self.found += 1;
    }

    /// True once every part is there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.manifest.is_some() && self.found == self.parts.len()
    }

    /// The ledger that the snapshot holds.
    ///
    /// # Errors
    /// Where a part is not the one that was written.
    pub fn finish(self) -> Result<(Ledger, Manifest), String> {
        let manifest = self.manifest.expect("a complete restore has a manifest");
        let ledger = restore(&manifest, self.parts.into_iter().flatten());
        let ledger = ledger.map_err(|corrupt| format!("the newest snapshot is damaged: {corrupt}"))?;
        Ok((ledger, manifest))
    }
}
