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
    /// Number of states that fill all lanes of the widest engine.
    const LANES: usize = 8;
    /// Number of slices for each core, so that no core waits long for another.
    const SLICES: usize = 8;
    let groups = items.len().div_ceil(LANES);
    let cores = rayon::current_num_threads();
    // Slices of two groups at least, because starting one takes time as well.
    let slices = if groups >= 2 * SLICES * cores { SLICES * cores } else { cores.min(groups) };
    if slices <= 1 {
        return batch(items);
    }
    // Sizes differ by one group at most, and each half of the slices has as many groups as the other:
    // a core that works alone on its part ends when the others do.
    let begin = |slice: usize| (groups * slice / slices * LANES).min(items.len());
    let slice = |slice: usize| batch(&items[begin(slice)..begin(slice + 1)]);
    let parts: Vec<Vec<R>> = (0..slices).into_par_iter().map(slice).collect();
    parts.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_consecutive_and_complete() {
        for length in 0..700 {
            let items: Vec<usize> = (0..length).collect();
            assert_eq!(in_parallel(&items, <[usize]>::to_vec), items);
        }
    }
}
