//! What happens on a node, as it happens.

pub mod events;
pub mod monitor;
mod progress;
