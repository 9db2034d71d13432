//! MintNFT (docs/protocol/07-execution.md §3.4, §5.2).

use super::checks::{balance_for, fee, fungible, is_locked, nonce, require, signed_by};
use crate::domain::tx::MintNft;
use crate::domain::{
    AccountId, Address, MAX_TOKEN_ID, MintNftOp, NFT_STORAGE_ACCOUNT_ID, NFT_TOKEN_ID, Nft, PubKeyHash,
    TokenId, ZkSyncOp, nft_content,
};
use crate::execution::failure::Failure;
use crate::execution::recorder::Recorder;
use crate::execution::state::State;

pub(super) fn create(tx: &MintNft, signer: Option<PubKeyHash>, state: &State) -> Result<ZkSyncOp, Failure> {
    fungible(tx.fee_token, Failure::Token)?;
    require(tx.recipient != Address::default(), Failure::RecipientId)?;
    let creator = state.account(tx.creator_id).ok_or(Failure::CreatorDoesNotExist)?;
    require(!is_locked(creator), Failure::CreatorIncorrect)?;
    require(creator.address == tx.creator_address, Failure::CreatorIncorrect)?;
    signed_by(creator, signer, Failure::MintSignature)?;
    let recipient = state.account_by_address(&tx.recipient);
    let (recipient_account_id, _) = recipient.ok_or(Failure::RecipientNotFound)?;
    Ok(ZkSyncOp::MintNFTOp(Box::new(MintNftOp {
        tx: tx.clone(),
        creator_account_id: tx.creator_id,
        recipient_account_id,
    })))
}

pub(super) fn apply(op: &MintNftOp, recorder: &mut Recorder<'_>) -> Result<(), Failure> {
    let tx = &op.tx;
    let state = recorder.state();
    let creator = op.creator_account_id;
    let recipient = op.recipient_account_id;
    nonce(state, creator, tx.nonce)?;
    let fee = balance_for(state, creator, tx.fee_token, 0, fee(&tx.fee)?)?;
    state.account(NFT_STORAGE_ACCOUNT_ID).ok_or(Failure::NoNftStorage)?;
    let serial_id = counter(state, op.creator_account_id)?;
    let token = TokenId(counter(state, NFT_STORAGE_ACCOUNT_ID)?);
    require(token.is_nft() && token <= MAX_TOKEN_ID, Failure::Token)?;
    // The storage account holds the content as a balance of the new token.
    let is_held = recipient == NFT_STORAGE_ACCOUNT_ID || state.balance(recipient, token) != 0;
    require(!is_held, Failure::NftInAccount)?;
    let (address, content) = nft_content(creator, serial_id, &tx.content_hash);

    recorder.pay(creator, tx.fee_token, fee)?;
    recorder.add(creator, NFT_TOKEN_ID, 1)?;
    recorder.add(NFT_STORAGE_ACCOUNT_ID, NFT_TOKEN_ID, 1)?;
    let nft = Nft {
        id: token,
        serial_id,
        creator_address: tx.creator_address,
        creator_id: creator,
        address,
        symbol: format!("NFT-{token}"),
        content_hash: tx.content_hash,
    };
    recorder.mint(nft, tx.nonce);
    recorder.add(NFT_STORAGE_ACCOUNT_ID, token, content)?;
    recorder.add(recipient, token, 1)
}

/// Returns the number of NFTs that an account counts.
fn counter(state: &State, id: AccountId) -> Result<u32, Failure> {
    u32::try_from(state.balance(id, NFT_TOKEN_ID)).map_err(|_| Failure::Token)
}
