//! The JSON of a witness, written directly from plan and versions: the
//! [`ProverData`](super::ProverData) of a large block is never in memory as a whole.

use std::io::{self, Write};

use rayon::prelude::*;

use super::assemble::Hashed;
use super::plan::PlannedOp;
use crate::domain::Block;

/// The bytes before the operations.
const OPERATIONS: &[u8] = br#""operations":["#;

/// Number of operations serialised together: enough for all cores, and few enough that their JSON
/// stays in the cache.
const BATCH: usize = 32;

impl Hashed {
    /// Writes the JSON of the witness. All cores serialise a batch of operations while the batch
    /// before it is written to `out`.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn write_json(&self, block: &Block, out: &mut (impl Write + Send)) -> io::Result<()> {
        let frame = serde_json::to_vec(&self.without_operations(block))?;
        let place = frame.windows(OPERATIONS.len()).position(|window| window == OPERATIONS);
        let place = place.ok_or(io::ErrorKind::InvalidData)? + OPERATIONS.len();
        let (head, tail) = frame.split_at(place);
        out.write_all(head)?;

        let mut list = List { out, begun: false };
        let mut ready: Vec<Vec<u8>> = Vec::new();
        for batch in self.plan().operations.chunks(BATCH) {
            let serialise = || batch.par_iter().map(|op| self.chunks_json(op)).collect::<io::Result<_>>();
            let (next, written) = rayon::join(serialise, || list.items(&ready));
            written?;
            ready = next?;
        }
        list.items(&ready)?;
        let noop = serde_json::to_vec(&self.noop())?;
        (0..self.plan().padding).try_for_each(|_| list.item(&noop))?;
        out.write_all(tail)
    }

    /// Returns the JSON of the chunks of an operation, separated by commas.
    fn chunks_json(&self, op: &PlannedOp) -> io::Result<Vec<u8>> {
        let mut json = Vec::new();
        let mut list = List { out: &mut json, begun: false };
        for chunk in self.operation(op) {
            list.begin()?;
            serde_json::to_writer(&mut *list.out, &chunk)?;
        }
        Ok(json)
    }
}

/// Writes the items of a JSON array.
struct List<'a, W> {
    out: &'a mut W,
    begun: bool,
}

impl<W: Write> List<'_, W> {
    /// Writes the comma before the next item.
    fn begin(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.begun, true) { self.out.write_all(b",") } else { Ok(()) }
    }

    fn item(&mut self, json: &[u8]) -> io::Result<()> {
        self.begin()?;
        self.out.write_all(json)
    }

    fn items(&mut self, items: &[Vec<u8>]) -> io::Result<()> {
        items.iter().try_for_each(|json| self.item(json))
    }
}
