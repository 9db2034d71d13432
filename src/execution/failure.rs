//! The reasons why an executed transaction fails, with the texts that blocks store
//! (docs/protocol/07-execution.md §3).

use thiserror::Error;

/// The reason why a transaction fails. The texts are those of the reference, complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs)] // each variant is its text
pub(crate) enum Failure {
    #[error("The transaction can't be executed in the block because of an invalid timestamp")]
    Timestamp,
    #[error("Token id is not supported")]
    Token,
    #[error("FeeToken id is not supported")]
    FeeToken,
    #[error("Transfer to Account with address 0 is not allowed")]
    TransferToZero,
    #[error("From account does not exist")]
    FromAccountDoesNotExist,
    #[error("Account is locked")]
    Locked,
    #[error("Transfer signature is incorrect")]
    TransferSignature,
    #[error("Transfer account id is incorrect")]
    TransferAccountId,
    #[error("Transfer from account id is bigger than max supported")]
    TransferFromTooBig,
    #[error("Transfer to account id is bigger than max supported")]
    TransferToTooBig,
    #[error("Withdraw signature is incorrect")]
    WithdrawSignature,
    #[error("Withdraw account id is incorrect")]
    WithdrawAccountId,
    #[error("Nonce mismatch")]
    NonceMismatch,
    #[error("Not enough balance")]
    NotEnoughBalance,
    #[error("Account does not exist")]
    AccountDoesNotExist,
    #[error("ChangePubKey Ethereum auth data is incorrect")]
    ChangePubKeyAuthorisation,
    #[error("ChangePubKey zkSync signature is incorrect")]
    ChangePubKeySignature,
    #[error("ChangePubKey account id is incorrect")]
    ChangePubKeyAccountId,
    #[error("ChangePubKey account id is bigger than max supported")]
    ChangePubKeyAccountIdTooBig,
    #[error("Initiator account does not exist")]
    InitiatorDoesNotExist,
    #[error("ForcedExit signature is incorrect")]
    ForcedExitSignature,
    #[error("Target account does not exist")]
    TargetDoesNotExist,
    #[error("Target account is not locked; forced exit is forbidden")]
    TargetNotLocked,
    #[error("Target account is invalid")]
    TargetInvalid,
    #[error("Incorrect initiator account ID")]
    InitiatorId,
    #[error("Initiator account: Not enough balance to cover fees")]
    InitiatorBalance,
    #[error("Recipient account id is incorrect")]
    RecipientId,
    #[error("Creator account does not exist")]
    CreatorDoesNotExist,
    #[error("Creator account is incorrect")]
    CreatorIncorrect,
    #[error("MintNFT signature is incorrect")]
    MintSignature,
    #[error("Recipient account not found")]
    RecipientNotFound,
    #[error("NFT token is already in account")]
    NftInAccount,
    #[error("NFT was not found")]
    NftNotFound,
    #[error("Creator account id is incorrect")]
    CreatorId,
    #[error("Not enough nft balance")]
    NotEnoughNftBalance,
    #[error("Order account id is incorrect")]
    OrderAccountId,
    #[error("Recipient Account does not exist")]
    RecipientDoesNotExist,
    #[error("Order signature is incorrect")]
    OrderSignature,
    #[error("Submitter account does not exist")]
    SubmitterDoesNotExist,
    #[error("Swap signature is incorrect")]
    SwapSignature,
    #[error("Submitter account_id or address is incorrect")]
    SubmitterId,
    #[error("Buy/Sell tokens do not match")]
    BuySellTokens,
    #[error("Can't swap the same tokens")]
    SameTokens,
    #[error("Amounts do not match")]
    Amounts,
    #[error("Self-swap is not allowed")]
    SelfSwap,
    #[error("Amounts are not compatible with prices")]
    Prices,
    #[error("Close operations are disabled")]
    CloseDisabled,
    /// The reference knows no limit here; the circuit has 128 bits.
    #[error("Balance would exceed 128 bits")]
    BalanceOverflow,
    /// The reference refuses such a fee before it executes the transaction.
    #[error("Specified fee is not packable")]
    FeeNotPackable,
    /// The reference creates the account, which a witness cannot show.
    #[error("NFT storage account does not exist")]
    NoNftStorage,
    #[error("Amount of gas required to process batch is too big")]
    BatchGas,
    /// The reference answers this on admission, and repeats the batch forever if it is executed.
    #[error("Batch will not fit in any of supported block sizes")]
    BatchChunks,
}
