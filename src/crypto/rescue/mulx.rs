//! The engine `portable`, compiled a second time for x86-64 processors with BMI2 (nearly all since
//! 2015). The multiplication of BMI2 leaves the carry flag alone and may write to any register,
//! which makes the code a quarter shorter.
//!
//! # Safety
//! The only unsafe code is the call of a function that needs BMI2. It takes a [`Mulx`], which
//! exists only where the processor has BMI2.

use super::{
    parameters::State,
    portable::{self, Cells},
};

/// Proof that this processor has the instructions.
#[derive(Clone, Copy)]
pub(super) struct Mulx(());

impl Mulx {
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("bmi2").then_some(Self(()))
    }

    /// Applies the permutation to each state.
    pub(super) fn permute_batch(self, states: &mut [State]) {
        // SAFETY: `self` exists, so the processor has BMI2.
        unsafe { permute_batch(states) }
    }
}

#[target_feature(enable = "bmi2")]
fn permute_batch(states: &mut [State]) {
    for state in states {
        portable::permute(state, |a, b| multiply(a, b), |cells, times| square(cells, times));
    }
}

#[target_feature(enable = "bmi2")]
fn multiply(a: &mut Cells, b: &Cells) {
    portable::multiply(a, b);
}

#[target_feature(enable = "bmi2")]
fn square(cells: &mut Cells, times: u32) {
    portable::square(cells, times);
}
