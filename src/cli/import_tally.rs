//! The outcomes of an import, counted.

use std::cell::{Cell, RefCell};
use std::fmt;

use super::error::CliError;
use crate::workers::Imported;

/// The outcomes of the files of an import so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    stored: Cell<u32>,
    already_there: Cell<u32>,
    operations: Cell<u32>,
    operations_already_there: Cell<u32>,
    /// The quarantined blocks, each with the reason.
    quarantined: RefCell<Vec<(u32, String)>>,
}

fn increment(count: &Cell<u32>) {
    count.set(count.get().saturating_add(1));
}

impl Tally {
    /// Counts the outcome of a block.
    pub(crate) fn add_block(&self, block: u32, imported: Imported) {
        match imported {
            Imported::Stored => increment(&self.stored),
            Imported::AlreadyThere => increment(&self.already_there),
            Imported::Quarantined(reason) => self.quarantined.borrow_mut().push((block, reason)),
        }
    }

    /// Counts the outcome of an aggregated operation.
    pub(crate) fn add_operation(&self, imported: &Imported) {
        match imported {
            Imported::AlreadyThere => increment(&self.operations_already_there),
            _ => increment(&self.operations),
        }
    }

    /// Fails if a block is quarantined.
    ///
    /// # Errors
    /// [`CliError::Failed`] with the reason of the first one.
    pub(crate) fn verdict(&self) -> Result<(), CliError> {
        match self.quarantined.borrow().first() {
            None => Ok(()),
            Some((block, reason)) => Err(CliError::Failed(format!(
                "block {block} is quarantined: {reason}; later blocks get no witness until it is reverted or retried, see `explain block {block}`"
            ))),
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "blocks: {} stored", self.stored.get())?;
        if self.already_there.get() > 0 {
            write!(f, ", {} already there", self.already_there.get())?;
        }
        let quarantined = self.quarantined.borrow();
        if let [(first, _), others @ ..] = &quarantined[..] {
            let more = if others.is_empty() { "" } else { " and others" };
            write!(f, ", {} quarantined (block {first}{more})", quarantined.len())?;
        }
        let (new, old) = (self.operations.get(), self.operations_already_there.get());
        if new + old > 0 {
            write!(f, "; aggregated operations: {new} stored")?;
        }
        if old > 0 {
            write!(f, ", {old} already there")?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_counted_and_a_quarantine_is_a_failure() {
        let tally = Tally::default();
        for block in 1..=5 {
            tally.add_block(block, Imported::Stored);
        }
        assert_eq!(tally.to_string(), "blocks: 5 stored");
        assert!(tally.verdict().is_ok());
        tally.add_block(6, Imported::AlreadyThere);
        tally.add_operation(&Imported::Stored);
        assert_eq!(tally.to_string(), "blocks: 5 stored, 1 already there; aggregated operations: 1 stored");
        tally.add_block(7, Imported::Quarantined("the root differs".to_owned()));
        tally.add_block(8, Imported::Quarantined("the root differs, too".to_owned()));
        tally.add_operation(&Imported::AlreadyThere);
        assert_eq!(
            tally.to_string(),
            "blocks: 5 stored, 1 already there, 2 quarantined (block 7 and others); aggregated operations: 1 stored, 1 already there"
        );
        let error = tally.verdict().unwrap_err();
        assert_eq!(error.exit_code(), 1);
        let text = error.to_string();
        assert!(text.contains("the root differs;") && text.contains("explain block 7"), "{text}");
    }
}
