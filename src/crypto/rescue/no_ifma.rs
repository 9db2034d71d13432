//! Stands for the engine `ifma` on processors other than x86-64, where it never exists.

use super::State;

/// Has no value.
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
