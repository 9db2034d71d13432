//! The routes of both listeners.

pub(super) mod admin_listener;
mod aggregated;
mod attempts;
mod backup;
mod blocks;
mod import;
mod jobs;
pub(super) mod main_listener;
mod operators;
mod prover;
mod provers;
mod rejected;
mod state;
mod status;

pub use state::Limits;
