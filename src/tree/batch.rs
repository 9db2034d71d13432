//! Batches of hashes over all cores.

use rayon::prelude::*;

use crate::crypto::{Fr, rescue};

/// Hashes each pair of children, over all cores.
pub(crate) fn compress_all(pairs: &[[Fr; 2]]) -> Vec<Fr> {
    in_parallel(pairs, rescue::compress_batch)
}

/// Applies a batch function to slices of `items`, over all cores. A short batch stays on this
/// thread.
pub(super) fn in_parallel<T: Sync, R: Send>(items: &[T], batch: impl Fn(&[T]) -> Vec<R> + Sync) -> Vec<R> {
    /// Number of states that fill all lanes of the widest engine several times.
    const LANES: usize = 32;
    let share = items.len().div_ceil(rayon::current_num_threads()).next_multiple_of(8);
    if share >= items.len() {
        return batch(items);
    }
    // Full registers matter more than even shares. Long batches are cut into more slices than there
    // are cores, so that no core waits long for another.
    let slice = if share >= 4 * LANES { share.div_ceil(4).next_multiple_of(LANES) } else { share };
    let parts: Vec<Vec<R>> = items.par_chunks(slice).map(&batch).collect();
    parts.into_iter().flatten().collect()
}
