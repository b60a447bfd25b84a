//! Objects: what holds bytes, and how many live extents lie in each.
//!
//! An object without one is dead: a pack stays listed, with the time of its death, until it is known to be deleted; a
//! journal home just goes.

use std::collections::{BTreeMap, BTreeSet};

use apus_core::extent::{Home, Placed};
use apus_core::ids::{BrokerId, Incarnation, Lsn, PackId, Writer};

use super::record::{Cursor, Record};
use super::table::Table;
use crate::command::Corrupt;

/// One object.
///
/// | bytes | field | | bytes | field |
/// | --- | --- | --- | --- | --- |
/// | 1 | 0 journal, 1 pack | | 8 | bytes of the object |
/// | 8 or 17 | LSN, or pack id | | 4 | live extents |
/// | | | | 8 | bytes in live extents |
/// | | | | 8 | time of death |
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object {
    pub(crate) home: Home,
    pub(crate) bytes: u64,
    pub(crate) live_extents: u32,
    pub(crate) live_bytes: u64,
    /// Journaled time, while there are no live extents.
    pub(crate) died_ms: i64,
}

impl Record for Object {
    const PAGE_ENTRIES: usize = 1170;

    fn write(&self, out: &mut Vec<u8>) {
        match &self.home {
            Home::Journal(lsn) => {
                out.push(0);
                out.extend_from_slice(&lsn.0.to_le_bytes());
            }
            Home::Pack(pack) => {
                out.push(1);
                put_pack(out, pack);
            }
        }
        out.extend_from_slice(&self.bytes.to_le_bytes());
        out.extend_from_slice(&self.live_extents.to_le_bytes());
        out.extend_from_slice(&self.live_bytes.to_le_bytes());
        out.extend_from_slice(&self.died_ms.to_le_bytes());
    }

    fn read(bytes: &mut Cursor<'_>) -> Result<Object, Corrupt> {
        let home = match bytes.u8()? {
            0 => Home::Journal(Lsn(bytes.u64()?)),
            1 => Home::Pack(take_pack(bytes)?),
            _ => return Err(Corrupt::Value("an object's home")),
        };
        Ok(Object {
            home,
            bytes: bytes.u64()?,
            live_extents: bytes.u32()?,
            live_bytes: bytes.u64()?,
            died_ms: bytes.i64()?,
        })
    }
}

/// Appends a pack's id: broker, incarnation, writer (1 byte), number.
pub(crate) fn put_pack(out: &mut Vec<u8>, pack: &PackId) {
    out.extend_from_slice(&pack.broker.0.to_le_bytes());
    out.extend_from_slice(&pack.incarnation.0.to_le_bytes());
    out.push(pack.writer as u8);
    out.extend_from_slice(&pack.number.to_le_bytes());
}

/// Takes a pack's id.
pub(crate) fn take_pack(bytes: &mut Cursor<'_>) -> Result<PackId, Corrupt> {
    let pack = PackId {
        broker: BrokerId(bytes.i32()?),
        incarnation: Incarnation(bytes.u32()?),
        writer: *Writer::ALL.get(usize::from(bytes.u8()?)).ok_or(Corrupt::Value("a pack's writer"))?,
        number: bytes.u64()?,
    };
    if pack.number >= 1 << 48 { Err(Corrupt::Value("a pack's number")) } else { Ok(pack) }
}

/// All objects.
#[derive(Clone, Debug)]
pub(crate) struct Objects {
    pub(crate) table: Table<Object>,
    index: BTreeMap<Home, u32>,
    dead: BTreeSet<(i64, PackId)>,
}

impl Objects {
    /// Objects of a restored table; nothing where a home stands twice.
    pub(crate) fn of(table: Table<Object>) -> Option<Objects> {
        let mut objects = Objects { table, index: BTreeMap::new(), dead: BTreeSet::new() };
        for (number, object) in objects.table.iter() {
            if objects.index.insert(object.home, number).is_some() {
                return None;
            }
            if let (0, Home::Pack(pack)) = (object.live_extents, object.home) {
                objects.dead.insert((object.died_ms, pack));
            }
        }
        Some(objects)
    }

    /// The home behind a number that a live extent holds.
    pub(crate) fn home(&self, number: u32) -> Home {
        self.table.get(number).expect("a live extent holds its object").home
    }

    pub(crate) fn find(&self, home: Home) -> Option<&Object> {
        self.table.get(*self.index.get(&home)?)
    }

    /// A new object; it has no extent yet: add some, then [`Objects::settle`].
    pub(crate) fn add(&mut self, lsn: Lsn, home: Home, bytes: u64) -> u32 {
        let object = Object { home, bytes, live_extents: 0, live_bytes: 0, died_ms: 0 };
        let number = self.table.insert(lsn, object);
        let earlier = self.index.insert(home, number);
        assert!(earlier.is_none(), "{home:?} stands twice");
        number
    }

    /// Extents begin to live in it.
    pub(crate) fn hold(&mut self, lsn: Lsn, number: u32, extents: &[Placed]) {
        let bytes: u64 = extents.iter().map(|placed| u64::from(placed.extent.bytes)).sum();
        self.table.update(lsn, number, |object| {
            object.live_extents += u32::try_from(extents.len()).expect("a command's extents are bounded");
            object.live_bytes += bytes;
        });
    }

    /// An extent ceases to live in it; [`Objects::settle`] follows.
    pub(crate) fn release(&mut self, lsn: Lsn, number: u32, bytes: u32) -> bool {
        self.table.update(lsn, number, |object| {
            assert!(object.live_extents > 0 && object.live_bytes >= u64::from(bytes), "released too often");
            object.live_extents -= 1;
            object.live_bytes -= u64::from(bytes);
            object.live_extents == 0
        })
    }

    /// Buries the object where no extent lives in it; returns its home then.
    pub(crate) fn settle(&mut self, lsn: Lsn, number: u32, now_ms: i64) -> Option<Home> {
        let object = self.table.get(number)?;
        if object.live_extents > 0 {
            return None;
        }
        let home = object.home;
        match home {
            Home::Pack(pack) => {
                self.table.update(lsn, number, |object| object.died_ms = now_ms);
                self.dead.insert((now_ms, pack));
            }
            Home::Journal(_) => {
                self.table.remove(lsn, number);
                self.index.remove(&home);
            }
        }
        Some(home)
    }

    /// Forgets a dead pack; false where it is not one.
    pub(crate) fn forget(&mut self, lsn: Lsn, pack: PackId) -> bool {
        let home = Home::Pack(pack);
        let Some(number) = self.index.get(&home).copied() else {
            return false;
        };
        let object = self.table.get(number).expect("the index names it");
        if object.live_extents > 0 {
            return false;
        }
        self.dead.remove(&(object.died_ms, pack));
        self.table.remove(lsn, number);
        self.index.remove(&home);
        true
    }

    /// Packs with a live extent.
    pub(crate) fn live(&self) -> impl Iterator<Item = PackId> + '_ {
        self.table.iter().filter(|(_, object)| object.live_extents > 0).filter_map(|(_, object)| match object.home {
            Home::Pack(pack) => Some(pack),
            Home::Journal(_) => None,
        })
    }

    /// Packs that died before this time, the longest dead first.
    pub(crate) fn dead(&self, before_ms: i64) -> impl Iterator<Item = PackId> + '_ {
        self.dead.iter().take_while(move |(died_ms, _)| *died_ms < before_ms).map(|(_, pack)| *pack)
    }

    /// Journal homes with live extents and their live bytes, oldest first.
    pub(crate) fn inline(&self) -> impl Iterator<Item = (Lsn, u64)> + '_ {
        self.index.range(Home::Journal(Lsn(0))..).map(|(home, number)| {
            let Home::Journal(lsn) = home else { unreachable!("packs sort before journal homes") };
            (*lsn, self.table.get(*number).expect("the index names it").live_bytes)
        })
    }
}
