//! The state of a crash test outside the server: the chain, what was acknowledged, and what provers
//! hold.

use std::collections::BTreeMap;

use zksync_witness_server::client::ProverJob;
use zksync_witness_server::testing::ledger::Ledger;

use crate::support::sealed_chain::Chain;

pub struct World {
    pub chain: Chain,
    pub ledger: Ledger,
    /// Jobs with the names of their provers, who may publish them later.
    pub held: Vec<(String, ProverJob)>,
    pub tally: Tally,
}

/// Counts for the printed summary.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub imports: u32,
    pub publishes: u32,
    /// Refused proofs, by the code of the answer.
    pub refused: BTreeMap<String, u32>,
    pub reverts: u32,
}

impl World {
    pub fn new(chain: Chain) -> Self {
        Self { chain, ledger: Ledger::default(), held: Vec::new(), tally: Tally::default() }
    }

    /// Replaces the chain for a new folder; the counts stay.
    pub fn start_over(&mut self, chain: Chain) {
        *self = Self { tally: std::mem::take(&mut self.tally), ..Self::new(chain) };
    }
}
