//! Close, 1 chunk: disabled in the protocol, so a block that holds one is refused (spec 03 §14, 04 §5.11).

use super::{Shown, Walk};
use crate::domain::CloseOp;
use crate::witness::Cause;

pub fn plan(_: &CloseOp, _: &mut Walk<'_>) -> Result<Shown, Cause> {
    Err(Cause::Disabled)
}
