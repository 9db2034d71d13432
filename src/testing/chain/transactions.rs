//! Transactions and priority operations of every kind.

use super::chain::Chain;
use super::wallet::Wallet;
use crate::domain::tx::{
    ChangePubKey, ChangePubKeyEthAuthData, ForcedExit, MintNft, Order, Swap, Withdraw, WithdrawNft,
};
use crate::domain::{
    AccountId, Address, Deposit, FullExit, H256, Nonce, PriorityOp, SignedZkSyncTx, TimeRange, TokenId,
    Transfer, TxSignature, ZkSyncPriorityOp, ZkSyncTx,
};
use crate::execution::{Outcome, VerifiedTx};

/// Each function executes one transaction or priority operation on the pending block.
///
/// # Panics
/// If it fails.
impl Chain {
    /// Deposits an amount; creates the account if it does not exist.
    pub fn deposit(&mut self, to: impl Into<Address>, token: u32, amount: u128) -> &mut Self {
        let to = to.into();
        let token = TokenId(token);
        self.priority_op(ZkSyncPriorityOp::Deposit(Deposit { from: to, token, amount: amount.into(), to }))
    }

    /// Withdraws the whole balance of an account by way of Ethereum.
    pub fn full_exit(&mut self, owner: &Wallet, token: u32) -> &mut Self {
        let exit = FullExit {
            account_id: self.id(owner),
            eth_address: owner.address(),
            token: TokenId(token),
            is_legacy: false,
        };
        self.priority_op(ZkSyncPriorityOp::FullExit(exit))
    }

    /// Sets the key of an account, authorised by its Ethereum key.
    pub fn change_key(&mut self, owner: &Wallet, fee_token: u32, fee: u128) -> &mut Self {
        let account_id = self.id(owner);
        let nonce = Nonce(self.nonce(owner));
        let new_pk_hash = owner.pub_key_hash();
        let message =
            [&new_pk_hash.0[..], &nonce.0.to_be_bytes(), &account_id.0.to_be_bytes(), &[0; 32]].concat();
        let eth_signature = owner.sign_ethereum(&message);
        let batch_hash = H256::default();
        let tx = ChangePubKey {
            account_id,
            account: owner.address(),
            new_pk_hash,
            fee_token: TokenId(fee_token),
            fee: fee.into(),
            nonce,
            signature: TxSignature::default(),
            eth_signature: None,
            eth_auth_data: Some(ChangePubKeyEthAuthData::Ecdsa { eth_signature, batch_hash }),
            time_range: Some(TimeRange::default()),
            chain_id: None,
        };
        self.signed(owner, ZkSyncTx::ChangePubKey(Box::new(tx)))
    }

    /// Moves an amount to an address; creates the account if it does not exist.
    pub fn transfer(
        &mut self,
        from: &Wallet,
        to: impl Into<Address>,
        token: u32,
        amount: u128,
        fee: u128,
    ) -> &mut Self {
        let tx = Transfer {
            account_id: self.id(from),
            from: from.address(),
            to: to.into(),
            token: TokenId(token),
            amount: amount.into(),
            fee: fee.into(),
            nonce: Nonce(self.nonce(from)),
            time_range: Some(TimeRange::default()),
            signature: TxSignature::default(),
        };
        self.signed(from, ZkSyncTx::Transfer(Box::new(tx)))
    }

    /// Withdraws an amount to the owner's address on Ethereum.
    pub fn withdraw(&mut self, owner: &Wallet, token: u32, amount: u128, fee: u128) -> &mut Self {
        let tx = Withdraw {
            account_id: self.id(owner),
            from: owner.address(),
            to: owner.address(),
            token: TokenId(token),
            amount: amount.into(),
            fee: fee.into(),
            nonce: Nonce(self.nonce(owner)),
            signature: TxSignature::default(),
            fast: false,
            time_range: Some(TimeRange::default()),
        };
        self.signed(owner, ZkSyncTx::Withdraw(Box::new(tx)))
    }

    /// Withdraws the whole balance of a locked account; the initiator pays the fee.
    pub fn forced_exit(
        &mut self,
        initiator: &Wallet,
        target: impl Into<Address>,
        token: u32,
        fee: u128,
    ) -> &mut Self {
        let tx = ForcedExit {
            initiator_account_id: self.id(initiator),
            target: target.into(),
            token: TokenId(token),
            fee: fee.into(),
            nonce: Nonce(self.nonce(initiator)),
            signature: TxSignature::default(),
            time_range: Some(TimeRange::default()),
        };
        self.signed(initiator, ZkSyncTx::ForcedExit(Box::new(tx)))
    }

    /// Creates an NFT. The first of a chain is token 65536, the next ones follow.
    pub fn mint_nft(
        &mut self,
        creator: &Wallet,
        recipient: impl Into<Address>,
        content_hash: [u8; 32],
        fee_token: u32,
        fee: u128,
    ) -> &mut Self {
        let tx = MintNft {
            creator_id: self.id(creator),
            creator_address: creator.address(),
            content_hash: H256(content_hash),
            recipient: recipient.into(),
            fee: fee.into(),
            fee_token: TokenId(fee_token),
            nonce: Nonce(self.nonce(creator)),
            signature: TxSignature::default(),
        };
        self.signed(creator, ZkSyncTx::MintNFT(Box::new(tx)))
    }

    /// Withdraws an NFT to the owner's address on Ethereum.
    pub fn withdraw_nft(&mut self, owner: &Wallet, nft: u32, fee_token: u32, fee: u128) -> &mut Self {
        let tx = WithdrawNft {
            account_id: self.id(owner),
            from: owner.address(),
            to: owner.address(),
            token: TokenId(nft),
            fee_token: TokenId(fee_token),
            fee: fee.into(),
            nonce: Nonce(self.nonce(owner)),
            signature: TxSignature::default(),
            fast: false,
            time_range: TimeRange::default(),
        };
        self.signed(owner, ZkSyncTx::WithdrawNFT(Box::new(tx)))
    }

    /// Exchanges two amounts, each given by the account that sells it, the token and the amount. The
    /// submitter pays the fee.
    pub fn swap(
        &mut self,
        submitter: &Wallet,
        first: (&Wallet, u32, u128),
        second: (&Wallet, u32, u128),
        fee_token: u32,
        fee: u128,
    ) -> &mut Self {
        let amounts = (first.2.into(), second.2.into());
        let orders = (self.order(first, second), self.order(second, first));
        let tx = Swap {
            submitter_id: self.id(submitter),
            submitter_address: submitter.address(),
            nonce: Nonce(self.nonce(submitter)),
            orders,
            amounts,
            fee: fee.into(),
            fee_token: TokenId(fee_token),
            signature: TxSignature::default(),
        };
        self.signed(submitter, ZkSyncTx::Swap(Box::new(tx)))
    }

    /// Executes a signed transaction. A failed one is part of the block as well.
    ///
    /// # Errors
    /// The reason of the failure.
    pub fn execute(&mut self, tx: ZkSyncTx) -> Result<(), String> {
        let now = self.now();
        let signed = SignedZkSyncTx { tx, eth_sign_data: None, created_at: now };
        match self.executor.execute_tx(&VerifiedTx::new(signed), now) {
            Outcome::Succeeded => Ok(()),
            Outcome::Failed(reason) => Err(reason),
            Outcome::BlockFull => panic!("the block is full"),
        }
    }

    /// Returns the signed order to sell exactly an amount for another.
    fn order(
        &self,
        (owner, token_sell, amount): (&Wallet, u32, u128),
        bought: (&Wallet, u32, u128),
    ) -> Order {
        let mut order = Order {
            account_id: self.id(owner),
            recipient: owner.address(),
            nonce: Nonce(self.nonce(owner)),
            token_buy: TokenId(bought.1),
            token_sell: TokenId(token_sell),
            ratio: (amount.into(), bought.2.into()),
            amount: amount.into(),
            time_range: TimeRange::default(),
            signature: TxSignature::default(),
        };
        order.signature = owner.sign(&order.signed_bytes().unwrap());
        order
    }

    fn signed(&mut self, wallet: &Wallet, mut tx: ZkSyncTx) -> &mut Self {
        wallet.sign_tx(&mut tx);
        assert_eq!(self.execute(tx.clone()), Ok(()), "{tx:?}");
        self
    }

    fn priority_op(&mut self, data: ZkSyncPriorityOp) -> &mut Self {
        let serial_id = self.executor.pending().next_priority_op();
        let mut eth_hash = [0; 32];
        eth_hash[24..].copy_from_slice(&serial_id.to_be_bytes());
        let op = PriorityOp {
            serial_id,
            data,
            deadline_block: 35_000 + serial_id,
            eth_hash: H256(eth_hash),
            eth_block: serial_id,
            eth_block_index: Some(0),
        };
        let outcome = self.executor.execute_priority_op(&op, self.now());
        assert_eq!(outcome, Ok(Outcome::Succeeded), "{op:?}");
        self
    }

    fn id(&self, wallet: &Wallet) -> AccountId {
        AccountId(self.account_id(wallet).expect("the account exists"))
    }
}
