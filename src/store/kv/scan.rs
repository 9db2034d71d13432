//! Reading a table past what cannot be read in it.

use crate::store::kv::batch::Table;
use crate::store::kv::codec;
use crate::store::kv::records::Kv;
use crate::store::recovery::check::plain;
use crate::store::recovery::finding::Finding;
use crate::tree::source::Entry;

const PAGE: usize = 1_000;
/// Behind every key.
const END: [u8; 64] = [0xff; 64];

/// A scan of a table, page by page.
pub(crate) struct Scan<'a> {
    kv: &'a Kv,
    table: Table,
    /// Where the next page begins; `None` behind the last.
    from: Option<Vec<u8>>,
    /// What could not be read so far.
    pub findings: Vec<Finding>,
}

impl<'a> Scan<'a> {
    pub fn new(kv: &'a Kv, table: Table) -> Self {
        Self { kv, table, from: Some(Vec::new()), findings: Vec::new() }
    }

    /// The next entries, without their seals; those that fail it are left out and found.
    pub fn next_page(&mut self) -> Option<Vec<Entry>> {
        let from = self.from.take()?;
        let page = match self.kv.range_sealed(self.table, &from, &END, PAGE) {
            Ok(page) => {
                let (last, _) = page.last()?;
                self.from = Some([last.as_slice(), &[0]].concat());
                page
            }
            Err(error) => {
                // One entry at a time up to the one that cannot be passed.
                let (before, stuck) = self.up_to_trouble(from);
                self.findings.push(Finding::entry(self.table, &stuck, plain(&error)));
                self.from = self.behind(&stuck);
                before
            }
        };
        let mut good = Vec::with_capacity(page.len());
        for (key, sealed) in page {
            match codec::open_raw(self.table.name(), &sealed) {
                Ok(payload) => good.push((key, payload.to_vec())),
                Err(error) => self.findings.push(Finding::entry(self.table, &key, plain(&error))),
            }
        }
        Some(good)
    }

    fn up_to_trouble(&self, mut from: Vec<u8>) -> (Vec<Entry>, Vec<u8>) {
        let mut before = Vec::new();
        while let Ok(mut one) = self.kv.range_sealed(self.table, &from, &END, 1) {
            let Some(entry) = one.pop() else { break };
            from = [entry.0.as_slice(), &[0]].concat();
            before.push(entry);
        }
        (before, from)
    }

    /// The first key behind one from which on the table can be read again, taking the first eight bytes of keys for numbers.
    fn behind(&self, stuck: &[u8]) -> Option<Vec<u8>> {
        let mut head = [0; 8];
        head.iter_mut().zip(stuck).for_each(|(to, from)| *to = *from);
        let stuck = u64::from_be_bytes(head);
        let key = |n: u64| n.to_be_bytes().to_vec();
        let readable = |n: u64| self.kv.range_sealed(self.table, &key(n), &END, 1).is_ok();
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
