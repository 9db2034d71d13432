//! What happens on a node, as it happens.

pub(super) mod events;
pub(super) mod monitor;
mod progress;
