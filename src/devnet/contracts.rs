//! The addresses of contracts on layer 1, which a devnet only shows: it has no layer 1. They have no
//! letters, so that they are valid for clients that insist on the checksum in the case of letters.

use crate::domain::Address;

/// The main contract.
pub(super) const MAIN: Address = Address([0x11; 20]);
/// The contract of the governance.
pub(super) const GOVERNANCE: Address = Address([0x22; 20]);
/// The contract that mints withdrawn NFTs.
pub(super) const NFT_FACTORY: Address = Address([0x33; 20]);
