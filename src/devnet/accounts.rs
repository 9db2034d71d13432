//! The funded accounts of a devnet, derived from a mnemonic as Ethereum wallets do.

use crate::crypto::ethereum::EthereumKey;
use crate::domain::Address;

/// The mnemonic of Ethereum's test tools. Its keys are public.
pub(crate) const TEST_MNEMONIC: &str = "test test test test test test test test test test test junk";

/// A funded account.
#[derive(Debug, Clone)]
pub(crate) struct DevAccount {
    /// Its address.
    pub address: Address,
    /// Its secret key on Ethereum.
    pub private_key: [u8; 32],
}

/// The reason why no accounts can be derived.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the mnemonic is not usable: {0}")]
pub(crate) struct MnemonicError(String);

/// Returns the first accounts of a mnemonic: path `m/44'/60'/0'/0/i`, without a passphrase.
///
/// # Errors
/// If a word or the checksum of the mnemonic is wrong.
pub(crate) fn derive(mnemonic: &str, count: u32) -> Result<Vec<DevAccount>, MnemonicError> {
    derive_from(mnemonic, 0, count)
}

/// Returns accounts of a mnemonic from an index on.
///
/// # Errors
/// If a word or the checksum of the mnemonic is wrong.
pub(super) fn derive_from(mnemonic: &str, first: u32, count: u32) -> Result<Vec<DevAccount>, MnemonicError> {
    let words = bip39::Mnemonic::parse_normalized(mnemonic.trim())
        .map_err(|error| MnemonicError(error.to_string()))?;
    let error = |error: bip32::Error| MnemonicError(error.to_string());
    let path: bip32::DerivationPath = "m/44'/60'/0'/0".parse().map_err(error)?;
    let parent = bip32::XPrv::derive_from_path(words.to_seed_normalized(""), &path).map_err(error)?;
    let account = |index| {
        let child = bip32::ChildNumber::new(index, false).and_then(|child| parent.derive_child(child));
        let private_key = child.map_err(error)?.to_bytes();
        let key = EthereumKey::from_bytes(&private_key)
            .ok_or_else(|| MnemonicError(format!("account {index} has no key")))?;
        Ok(DevAccount { address: Address(key.address()), private_key })
    };
    (first..first.saturating_add(count)).map(account).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_test_mnemonic_has_the_known_accounts() {
        let accounts = derive(TEST_MNEMONIC, 2).unwrap();
        let text = |account: &DevAccount| (account.address.to_string(), hex::encode(account.private_key));
        assert_eq!(
            text(&accounts[0]),
            (
                "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266".to_owned(),
                "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80".to_owned()
            )
        );
        assert_eq!(
            text(&accounts[1]),
            (
                "0x70997970c51812dc3a010c7d01b50e0d17dc79c8".to_owned(),
                "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d".to_owned()
            )
        );
    }

    #[test]
    fn wrong_mnemonics_are_refused() {
        for text in ["", "test test test", &TEST_MNEMONIC.replace("junk", "test"), "zebra zoo quux"] {
            assert!(derive(text, 1).is_err(), "{text}");
        }
    }
}
