//! Stands in for the engines `fma` and `ifma` on processors other than x86-64, which never have
//! their instructions.

use super::parameters::State;

/// Proof that this processor has AVX2 and FMA: a type without values.
#[derive(Clone, Copy)]
pub(super) enum Fma {}

impl Fma {
    pub(super) fn detect() -> Option<Self> {
        None
    }

    pub(super) fn permute_batch(self, _: &mut [State]) -> usize {
        match self {}
    }
}

/// Proof that this processor has AVX-512 IFMA: a type without values.
#[derive(Clone, Copy)]
pub(super) enum Ifma {}

impl Ifma {
    pub(super) fn detect() -> Option<Self> {
        None
    }

    pub(super) fn permute_batch(self, _: &mut [State]) {
        match self {}
    }
}
