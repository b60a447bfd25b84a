//! A table: entries by number, in pages that a snapshot shares.
//!
//! A page is copied when it is first written after a snapshot took its `Arc`, so a snapshot costs one count a page
//! and a write at most the copy of one. Each page knows the position of its last change: that is all the book-keeping
//! that "only what changed is written again" needs. Numbers are given lowest first, so that the same commands give the
//! same numbers also to a ledger that was restored in between.

use std::collections::BTreeSet;
use std::sync::Arc;

use apus_core::ids::Lsn;
use apus_core::limits;

use super::record::{Record, Sum};

/// One page.
#[derive(Clone, Debug)]
pub(crate) struct Page<T> {
    /// Position of its last change.
    pub(crate) changed: Lsn,
    /// By number inside the page; behind the last one all are absent.
    pub(crate) entries: Vec<Option<T>>,
}

/// Entries by number.
#[derive(Clone, Debug)]
pub(crate) struct Table<T> {
    pages: Vec<Arc<Page<T>>>,
    free: BTreeSet<u32>,
    end: u32,
    count: u64,
    sum: Sum,
    /// Numbers of removed entries are given again.
    reuse: bool,
}

impl<T: Record> Table<T> {
    pub(crate) fn new(reuse: bool) -> Table<T> {
        Table { pages: Vec::new(), free: BTreeSet::new(), end: 0, count: 0, sum: Sum::default(), reuse }
    }

    /// A table of restored pages, by page number. `end` is the number behind the last one given, where it matters: where
    /// numbers are given again, the one behind the last entry serves as well. Nothing where an entry lies behind it.
    pub(crate) fn restore(reuse: bool, pages: Vec<Page<T>>, end: Option<u32>) -> Option<Table<T>> {
        let mut table = Table::new(reuse);
        for (page_index, page) in pages.iter().enumerate() {
            for (slot, entry) in page.entries.iter().enumerate() {
                if let Some(entry) = entry {
                    table.sum.add((page_index * Self::page_entries() + slot) as u64, entry);
                    table.count += 1;
                }
            }
        }
        table.pages = pages.into_iter().map(Arc::new).collect();
        let behind_last = table.iter().last().map_or(0, |(index, _)| index + 1);
        table.end = end.unwrap_or(behind_last);
        if reuse {
            table.free = (0..table.end).filter(|index| table.get(*index).is_none()).collect();
        }
        (table.end >= behind_last).then_some(table)
    }

    /// Entries of a full page.
    pub(crate) fn page_entries() -> usize {
        const { assert!(T::PAGE_ENTRIES * size_of::<Option<T>>() <= limits::CHUNK_BYTES_MAX, "a page is a chunk") };
        T::PAGE_ENTRIES
    }

    pub(crate) fn pages(&self) -> &[Arc<Page<T>>] {
        &self.pages
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The number behind the last one given.
    pub(crate) fn end(&self) -> u32 {
        self.end
    }

    pub(crate) fn digest(&self) -> u64 {
        self.sum.value()
    }

    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        let (page, slot) = Self::place(index);
        self.pages.get(page)?.entries.get(slot)?.as_ref()
    }

    /// Puts an entry under the lowest number that may be given.
    pub(crate) fn insert(&mut self, lsn: Lsn, entry: T) -> u32 {
        let index = self.free.pop_first().unwrap_or(self.end);
        self.end = self.end.max(index.checked_add(1).expect("entries are bounded"));
        self.sum.add(u64::from(index), &entry);
        self.count += 1;
        let (page, slot) = Self::place(index);
        while self.pages.len() <= page {
            self.pages.push(Arc::new(Page { changed: lsn, entries: Vec::new() }));
        }
        let page = Arc::make_mut(&mut self.pages[page]);
        page.changed = lsn;
        if page.entries.len() <= slot {
            page.entries.resize_with(slot + 1, || None);
        }
        assert!(page.entries[slot].is_none(), "number {index} is taken");
        page.entries[slot] = Some(entry);
        index
    }

    /// Changes an entry.
    ///
    /// # Panics
    /// Where there is none.
    pub(crate) fn update<R>(&mut self, lsn: Lsn, index: u32, change: impl FnOnce(&mut T) -> R) -> R {
        let (page, slot) = Self::place(index);
        let page = Arc::make_mut(&mut self.pages[page]);
        page.changed = lsn;
        let entry = page.entries[slot].as_mut().expect("the entry was looked up");
        self.sum.take(u64::from(index), entry);
        let result = change(entry);
        self.sum.add(u64::from(index), entry);
        result
    }

    /// Takes an entry away.
    pub(crate) fn remove(&mut self, lsn: Lsn, index: u32) -> T {
        let (page, slot) = Self::place(index);
        let page = Arc::make_mut(&mut self.pages[page]);
        page.changed = lsn;
        let entry = page.entries[slot].take().expect("the entry was looked up");
        if page.entries.iter().all(Option::is_none) {
            page.entries = Vec::new();
        }
        self.sum.take(u64::from(index), &entry);
        self.count -= 1;
        if self.reuse {
            self.free.insert(index);
        }
        entry
    }

    /// All entries with their numbers, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.pages.iter().enumerate().flat_map(|(page, entries)| {
            let first = page * Self::page_entries();
            let slots = entries.entries.iter().enumerate();
            slots.filter_map(move |(slot, entry)| Some(((first + slot) as u32, entry.as_ref()?)))
        })
    }

    fn place(index: u32) -> (usize, usize) {
        (index as usize / Self::page_entries(), index as usize % Self::page_entries())
    }
}
