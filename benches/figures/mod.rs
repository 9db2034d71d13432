//! The figures of this program on this machine, as ratios to named baselines measured in the same
//! run.
//!
//! - **franklin**: the Rescue permutation of franklin-crypto, one state after the other.
//! - **naive**: the reference's method in a few lines. Each leaf update and each fee rehashes its
//!   path with franklin-crypto, paths are read from the tree of that version, and signatures are
//!   checked one by one with franklin-crypto. Both sides must give the same roots and paths.
//! - **floor**: `leaf updates × 68 × time of a permutation in a batch ÷ cores`, measured with all
//!   cores busy: the cost of the hashes of a block alone.
//!
//! | module | noun |
//! | --- | --- |
//! | [`options`] | parts to measure, and their sizes |
//! | [`figure`] | a measured value with its bound; table and JSON |
//! | [`timing`] | repeated measurements, their median and spread |
//! | [`naive_witness`] | the naive baseline of a whole witness |
//! | [`mixed`] | a block with many kinds of operation on a tree of any size |
//! | [`engines`] | permutations, signature checks |
//! | [`witnesses`] | witnesses of a full, a mixed and a nearly empty block |
//! | [`genesis`] | trees built from an empty one |
//! | [`growth`], [`plot`] | cost of a block by accounts and by chunks, with plots |
//! | [`start`] | start time and memory of a server |
//! | [`rig`] | data folders and a server to measure on |
//! | [`delivery`] | job data over HTTP, latency from witness to job |
//! | [`short_blocks`] | stores with more blocks than can be hashed in a measurement |
//! | [`queue`] | leases and heartbeats with and without history |
//! | [`chain`] | stored blocks until all jobs are queued, by each engine, and with their import |
//! | [`long_chain`] | folder, memory, start and commands of a long chain |

mod chain;
mod delivery;
mod engines;
pub mod figure;
mod genesis;
mod growth;
mod long_chain;
mod mixed;
mod naive_witness;
pub mod options;
mod plot;
mod queue;
mod rig;
#[path = "../common/server_process.rs"]
#[allow(dead_code, reason = "two benchmarks share it, and each uses a part")]
mod server_process;
mod short_blocks;
mod start;
mod timing;
mod witnesses;

use figure::Figure;
use options::{Options, Part};

/// Measures the given parts and passes each figure to `report` as soon as it is measured.
///
/// # Errors
/// Fails if a data folder cannot be used, or if a result differs from that of its baseline.
pub fn run(options: &Options, report: &mut dyn FnMut(Figure)) -> anyhow::Result<()> {
    for part in &options.parts {
        match part {
            Part::Engines => engines::run(options, report)?,
            Part::Witnesses => witnesses::run(options, report)?,
            Part::Genesis => genesis::run(options, report)?,
            Part::Delivery => delivery::run(options, report)?,
            Part::Queue => queue::run(options, report)?,
            Part::Chain => chain::run(options, report)?,
            Part::Growth => growth::run(options, report)?,
            Part::LongChain => long_chain::run(options, report)?,
        }
    }
    Ok(())
}
