//! Live views of a node: the monitor and the event streams.

pub(super) mod events;
pub(super) mod monitor;
