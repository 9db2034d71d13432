//! A stored tree below the change sets of blocks that are hashed but not yet applied to it.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::source::{ChangeSet, Entry, SourceError, TreeSource};

/// The new values of a change set by key; `None` is a removal.
#[derive(Debug, Default)]
pub(crate) struct Overlay(BTreeMap<Vec<u8>, Option<Vec<u8>>>);

impl Overlay {
    /// Adds the new values of the change set of the next block.
    pub(crate) fn then(mut self, set: &ChangeSet) -> Self {
        self.0.extend(set.changes.iter().map(|change| (change.key.clone(), change.new.clone())));
        self
    }

    /// Gives the keys of a change set their old values. Change sets must be undone from the last
    /// block backwards.
    pub(crate) fn undo(&mut self, set: ChangeSet) {
        self.0.extend(set.changes.into_iter().map(|change| (change.key, change.old)));
    }
}

/// The tree after a block: a source and the overlays above it, oldest first.
///
/// Overlays are shared, never copied. An overlay may be applied to the source while a view has it:
/// each key in which they differ is read from the overlay, so the view reads the same before,
/// during and after.
#[derive(Clone)]
pub struct TreeView {
    source: Arc<dyn TreeSource>,
    overlays: Vec<Arc<Overlay>>,
}

impl TreeView {
    /// Creates a view of `source` without overlays.
    pub fn new(source: Arc<dyn TreeSource>) -> Self {
        Self { source, overlays: Vec::new() }
    }

    /// Adds the overlay of the next block.
    pub(crate) fn push(&mut self, overlay: Arc<Overlay>) {
        self.overlays.push(overlay);
    }

    /// Removes the oldest overlay after it was applied to the source.
    pub(crate) fn pop_oldest(&mut self) {
        if !self.overlays.is_empty() {
            self.overlays.remove(0);
        }
    }

    fn overlaid(&self, key: &[u8]) -> Option<&Option<Vec<u8>>> {
        self.overlays.iter().rev().find_map(|overlay| overlay.0.get(key))
    }

    /// Returns the nearest of an entry of the source and one key of each overlay, with its value.
    /// `nearer` returns true if its first key is nearer than the second.
    fn nearest(
        &self,
        from_source: Option<Entry>,
        in_overlay: impl Fn(&Overlay) -> Option<Vec<u8>>,
        nearer: impl Fn(&[u8], &[u8]) -> bool,
    ) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        let mut best = from_source.map(|(key, value)| (key, Some(value)));
        for key in self.overlays.iter().filter_map(|overlay| in_overlay(overlay)) {
            if best.as_ref().is_none_or(|(nearest, _)| nearer(&key, nearest)) {
                best = Some((key, None));
            }
        }
        best.map(|(key, value)| {
            let value = self.overlaid(&key).cloned().unwrap_or(value);
            (key, value)
        })
    }
}

impl TreeSource for TreeView {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, SourceError> {
        match self.overlaid(key) {
            Some(value) => Ok(value.clone()),
            None => self.source.get(key),
        }
    }

    fn first_in(&self, from: &[u8], to: &[u8]) -> Result<Option<Entry>, SourceError> {
        let mut from = from.to_vec();
        while from.as_slice() < to {
            let bounds = (Bound::Included(from.clone()), Bound::Excluded(to.to_vec()));
            let found = self.nearest(
                self.source.first_in(&from, to)?,
                |overlay| overlay.0.range(bounds.clone()).next().map(|(key, _)| key.clone()),
                |key, nearest| key < nearest,
            );
            match found {
                None => return Ok(None),
                Some((key, Some(value))) => return Ok(Some((key, value))),
                // Removed by an overlay: continue with the next key.
                Some((key, None)) => from = [key, vec![0]].concat(),
            }
        }
        Ok(None)
    }

    fn last_in(&self, from: &[u8], to: &[u8]) -> Result<Option<Entry>, SourceError> {
        let mut to = to.to_vec();
        while from < to.as_slice() {
            let bounds = (Bound::Included(from.to_vec()), Bound::Excluded(to.clone()));
            let found = self.nearest(
                self.source.last_in(from, &to)?,
                |overlay| overlay.0.range(bounds.clone()).next_back().map(|(key, _)| key.clone()),
                |key, nearest| key > nearest,
            );
            match found {
                None => return Ok(None),
                Some((key, Some(value))) => return Ok(Some((key, value))),
                Some((key, None)) => to = key,
            }
        }
        Ok(None)
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Entry>, SourceError> {
        let mut entries = Vec::new();
        let mut from = from.to_vec();
        while entries.len() < limit {
            let Some((key, value)) = self.first_in(&from, to)? else { break };
            from = [key.as_slice(), &[0]].concat();
            entries.push((key, value));
        }
        Ok(entries)
    }
}
