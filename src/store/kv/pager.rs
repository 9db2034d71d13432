//! The iterator over the entries of a table, for every walk of unknown length.
//!
//! It reads a page at a time and never holds a lock between two pages. An entry that cannot be read
//! is an error of the iterator, which continues after it. So a caller that stops at the first error
//! (`?`) is strict, and a caller that notes the errors and takes the next item is lenient.

use std::ops::Deref;

use serde::de::DeserializeOwned;

use crate::store::error::StoreError;
use crate::store::kv::codec;
use crate::store::kv::handle::Kv;
use crate::store::kv::table::Table;
use crate::tree::source::Entry;

const PAGE: usize = 1_000;
/// Greater than every key.
const END: &[u8] = &[0xff; 64];

/// The entries of a key range of a table, ascending, without their seals. `K` is `&Kv` or
/// `Arc<Kv>`.
#[derive(Debug)]
pub(crate) struct Pager<K> {
    kv: K,
    table: Table,
    position: Position,
    end: Vec<u8>,
    page_size: usize,
    /// Sealed entries of the current page.
    page: std::vec::IntoIter<Entry>,
    /// The error that follows the current page.
    error: Option<Unreadable>,
}

/// The start of the next page.
#[derive(Debug)]
enum Position {
    /// At this key.
    At(Vec<u8>),
    /// At the first key after this one from which the table can be read.
    After(Vec<u8>),
    End,
}

/// An entry, or a part of a table, that cannot be read.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub table: Table,
    /// The key of the entry; if not even keys can be read, the first key of the part.
    pub key: Vec<u8>,
    pub error: StoreError,
}

impl From<Unreadable> for StoreError {
    fn from(unreadable: Unreadable) -> Self {
        unreadable.error
    }
}

impl Kv {
    /// Returns the entries of a table.
    pub(crate) fn walk(&self, table: Table) -> Pager<&Self> {
        Pager::new(self, table, &[], END)
    }

    /// Returns the entries of `from..to`.
    pub(crate) fn walk_range(&self, table: Table, from: &[u8], to: &[u8]) -> Pager<&Self> {
        Pager::new(self, table, from, to)
    }

    /// Counts the entries of a table by reading all of them.
    pub(crate) fn count(&self, table: Table) -> Result<u64, StoreError> {
        self.walk(table).try_fold(0, |count, entry| entry.map(|_| count + 1)).map_err(StoreError::from)
    }
}

impl<K: Deref<Target = Kv>> Pager<K> {
    /// Begins a walk over `from..to`; nothing is read yet.
    pub(crate) fn new(kv: K, table: Table, from: &[u8], to: &[u8]) -> Self {
        Self {
            kv,
            table,
            position: Position::At(from.into()),
            end: to.into(),
            page_size: PAGE,
            page: Vec::new().into_iter(),
            error: None,
        }
    }

    /// Sets how many entries are read at a time.
    pub(crate) fn pages_of(self, page_size: usize) -> Self {
        Self { page_size, ..self }
    }

    /// Returns the next page, for a caller that takes a lock for each; empty at the end. Strict.
    pub(crate) fn next_page(&mut self) -> Result<Vec<Entry>, StoreError> {
        let page_size = self.page_size;
        Ok(self.by_ref().take(page_size).collect::<Result<_, _>>()?)
    }

    /// Decodes each value. A value that cannot be decoded is an error of the iterator, which
    /// continues after it.
    pub(crate) fn rows<T: DeserializeOwned>(self) -> impl Iterator<Item = Result<(Vec<u8>, T), Unreadable>> {
        let table = self.table;
        self.map(move |entry| {
            let (key, payload) = entry?;
            match codec::open_payload(table.name(), &payload) {
                Ok(row) => Ok((key, row)),
                Err(error) => Err(Unreadable { table, key, error }),
            }
        })
    }

    fn read_page(&mut self, from: Vec<u8>) {
        match self.kv.range_sealed(self.table, &from, &self.end, self.page_size) {
            Ok(page) => {
                if let Some((last, _)) = page.last() {
                    self.position = Position::At(successor(last));
                }
                self.page = page.into_iter();
            }
            Err(error) => {
                let (before, key) = self.readable_from(from);
                self.page = before.into_iter();
                self.position = Position::After(key.clone());
                self.error = Some(Unreadable { table: self.table, key, error });
            }
        }
    }

    /// Reads entries one at a time, starting at a key, until a read fails. Returns them and the key
    /// at which the read failed.
    fn readable_from(&self, mut from: Vec<u8>) -> (Vec<Entry>, Vec<u8>) {
        let mut entries = Vec::new();
        while let Ok(mut one) = self.kv.range_sealed(self.table, &from, &self.end, 1) {
            let Some(entry) = one.pop() else { break };
            from = successor(&entry.0);
            entries.push(entry);
        }
        (entries, from)
    }

    /// Returns the first key after `stuck` from which the table can be read again. The first eight
    /// bytes of keys are compared as numbers: doubling steps, then a binary search.
    fn readable_after(&self, stuck: &[u8]) -> Option<Vec<u8>> {
        let mut head = [0; 8];
        head.iter_mut().zip(stuck).for_each(|(to, from)| *to = *from);
        let stuck = u64::from_be_bytes(head);
        let key = |n: u64| n.to_be_bytes().to_vec();
        let readable = |n: u64| self.kv.range_sealed(self.table, &key(n), &self.end, 1).is_ok();
        let step =
            (0..64).map(|bit| 1u64 << bit).find(|step| stuck.checked_add(*step).is_none_or(readable))?;
        let mut high = stuck.checked_add(step)?;
        let mut low = stuck.saturating_add(step / 2);
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            if readable(middle) { high = middle } else { low = middle }
        }
        Some(key(high))
    }
}

impl<K: Deref<Target = Kv>> Iterator for Pager<K> {
    type Item = Result<Entry, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, sealed)) = self.page.next() {
                return Some(match codec::unseal(self.table.name(), sealed) {
                    Ok(payload) => Ok((key, payload)),
                    Err(error) => Err(Unreadable { table: self.table, key, error }),
                });
            }
            if let Some(error) = self.error.take() {
                return Some(Err(error));
            }
            match std::mem::replace(&mut self.position, Position::End) {
                Position::At(from) => self.read_page(from),
                Position::After(stuck) => {
                    let from = self.readable_after(&stuck)?;
                    self.read_page(from);
                }
                Position::End => return None,
            }
        }
    }
}

/// Returns the smallest key after a key.
fn successor(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::kv::batch::Batch;
    use crate::store::kv::keys;

    /// A kv with the numbers 0 to 9 in `jobs`.
    fn filled(dir: &std::path::Path) -> Kv {
        let kv = Kv::open(&dir.join("index"), 1 << 20, 100).unwrap();
        let mut batch = Batch::new();
        for n in 0..10u32 {
            batch.put(Table::Jobs, &keys::number(n), &n).unwrap();
        }
        kv.apply(batch).unwrap();
        kv
    }

    #[test]
    fn every_page_size_gives_all_entries_of_the_range() {
        let dir = tempfile::tempdir().unwrap();
        let kv = filled(dir.path());
        for page_size in 1..12 {
            let rows = kv.walk(Table::Jobs).pages_of(page_size).rows::<u32>();
            let rows = rows.map(|row| row.map(|(_, n)| n)).collect::<Result<Vec<_>, _>>();
            assert_eq!(rows.unwrap(), Vec::from_iter(0..10));
            let range = kv.walk_range(Table::Jobs, &keys::number(3), &keys::number(7)).pages_of(page_size);
            assert_eq!(range.count(), 4);
        }
        assert_eq!(kv.walk(Table::Blocks).count(), 0);
        assert_eq!(kv.count(Table::Jobs).unwrap(), 10);
    }

    #[test]
    fn a_strict_walk_ends_at_a_damaged_entry_and_a_lenient_one_steps_over_it() {
        let dir = tempfile::tempdir().unwrap();
        let kv = filled(dir.path());
        kv.tamper(Table::Jobs, &keys::number(4), Some(b"no seal"));
        kv.tamper(Table::Jobs, &keys::number(6), Some(&codec::seal_raw(&[0xfd])));
        let strict: Result<Vec<_>, _> = kv.walk(Table::Jobs).rows::<u32>().collect();
        assert_eq!(strict.unwrap_err().key, keys::number(4));
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for row in kv.walk(Table::Jobs).pages_of(3).rows::<u32>() {
            match row {
                Ok((_, n)) => good.push(n),
                Err(unreadable) => bad.push(unreadable.key),
            }
        }
        assert_eq!(good, [0, 1, 2, 3, 5, 7, 8, 9]);
        assert_eq!(bad, [keys::number(4), keys::number(6)]);
    }
}
