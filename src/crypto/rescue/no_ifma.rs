//! Stands in for the engine `ifma` on processors other than x86-64, which never have it.

use super::parameters::State;

/// Proof that this processor has the instructions: a type without values.
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
