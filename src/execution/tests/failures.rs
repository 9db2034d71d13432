//! Each check of each kind fails with its text (docs/protocol/07-execution.md §3), and leaves the
//! state unmodified.

use crate::domain::tx::{
    ChangePubKey, ChangePubKeyEthAuthData, Close, ForcedExit, MintNft, Swap, Withdraw, WithdrawNft,
};
use crate::domain::{
    AccountId, Address, H256, NFT_STORAGE_ACCOUNT_ID, NFT_TOKEN_ID, Nonce, TimeRange, TokenId, Transfer,
    TxSignature, ZkSyncTx,
};
use crate::testing::{Chain, Wallet};

const STORAGE: Address = Address([0xff; 20]);
const LOCKED: Address = Address([3; 20]);
const NFT: TokenId = TokenId(65_536);

/// A chain with two accounts that can sign (ids 1 and 2), a locked one, and an NFT of the first
/// account at the second.
struct World {
    chain: Chain,
    alice: Wallet,
    bob: Wallet,
    /// Has no account.
    carol: Wallet,
}

impl World {
    fn new() -> Self {
        let [alice, bob, carol] = ["alice", "bob", "carol"].map(Wallet::new);
        let mut chain = Chain::builder()
            .account(&alice, &[(0, 1_000), (1, 50)])
            .account(&bob, &[(0, 500), (1, 600)])
            .locked_account(LOCKED, &[(0, 9)])
            .build();
        chain.mint_nft(&alice, &bob, [7; 32], 0, 0);
        Self { chain, alice, bob, carol }
    }

    /// Executes a transaction that `signer` signs after the change, and expects a failure.
    fn fails<T: Clone>(
        &self,
        valid: &T,
        wrap: fn(Box<T>) -> ZkSyncTx,
        signer: &Wallet,
        change: impl FnOnce(&mut T),
        reason: &str,
    ) {
        let mut chain = self.chain.clone();
        let mut tx = valid.clone();
        change(&mut tx);
        let mut tx = wrap(Box::new(tx));
        signer.sign_tx(&mut tx);
        assert_eq!(chain.execute(tx), Err(reason.to_owned()));
        let after = chain.accounts();
        assert_eq!(after, self.chain.accounts(), "{reason}");
    }

    fn succeeds(&self, mut tx: ZkSyncTx, signer: &Wallet) {
        signer.sign_tx(&mut tx);
        assert_eq!(self.chain.clone().execute(tx), Ok(()));
    }

    fn transfer(&self) -> Transfer {
        Transfer {
            account_id: AccountId(1),
            from: self.alice.address(),
            to: self.bob.address(),
            token: TokenId(0),
            amount: 10u8.into(),
            fee: 1u8.into(),
            nonce: Nonce(1),
            time_range: None,
            signature: TxSignature::default(),
        }
    }

    fn swap(&self) -> Swap {
        let order = |owner: &Wallet, id, sell, buy, nonce, amounts: (u32, u32)| {
            let mut order = crate::domain::Order {
                account_id: AccountId(id),
                recipient: owner.address(),
                nonce: Nonce(nonce),
                token_buy: TokenId(buy),
                token_sell: TokenId(sell),
                ratio: (amounts.0.into(), amounts.1.into()),
                amount: amounts.0.into(),
                time_range: TimeRange::default(),
                signature: TxSignature::default(),
            };
            order.signature = owner.sign(&order.signed_bytes().unwrap());
            order
        };
        let orders = (order(&self.alice, 1, 0, 1, 1, (100, 20)), order(&self.bob, 2, 1, 0, 0, (20, 100)));
        Swap {
            submitter_id: AccountId(1),
            submitter_address: self.alice.address(),
            nonce: Nonce(1),
            orders,
            amounts: (100u8.into(), 20u8.into()),
            fee: 5u8.into(),
            fee_token: TokenId(0),
            signature: TxSignature::default(),
        }
    }
}

#[test]
fn transfers() {
    let world = World::new();
    let World { alice, bob, carol, .. } = &world;
    let valid = world.transfer();
    world.succeeds(ZkSyncTx::Transfer(Box::new(valid.clone())), alice);
    let fails = |signer: &Wallet, change: &dyn Fn(&mut Transfer), reason: &str| {
        world.fails(&valid, ZkSyncTx::Transfer, signer, change, reason);
    };
    let timestamp = "The transaction can't be executed in the block because of an invalid timestamp";
    let range = |valid_from, valid_until| Some(TimeRange { valid_from, valid_until });
    fails(alice, &|tx| tx.time_range = range(1_600_000_061, u64::MAX), timestamp);
    fails(alice, &|tx| tx.time_range = range(0, 1_600_000_059), timestamp);
    fails(alice, &|tx| tx.token = NFT_TOKEN_ID, "Token id is not supported");
    fails(alice, &|tx| tx.token = TokenId(1_024), "FeeToken id is not supported");
    fails(alice, &|tx| tx.to = Address::default(), "Transfer to Account with address 0 is not allowed");
    fails(carol, &|tx| tx.from = carol.address(), "From account does not exist");
    fails(alice, &|tx| tx.from = LOCKED, "Account is locked");
    fails(bob, &|_| {}, "Transfer signature is incorrect");
    fails(alice, &|tx| tx.account_id = AccountId(2), "Transfer account id is incorrect");
    fails(alice, &|tx| tx.to = STORAGE, "Transfer to account id is bigger than max supported");
    fails(alice, &|tx| tx.nonce = Nonce(0), "Nonce mismatch");
    fails(alice, &|tx| tx.nonce = Nonce(2), "Nonce mismatch");
    fails(alice, &|tx| tx.amount = 1_000u32.into(), "Not enough balance");
    fails(alice, &|tx| (tx.amount, tx.to) = (1_000u32.into(), alice.address()), "Not enough balance");
    fails(alice, &|tx| tx.amount = u128::MAX.into(), "Not enough balance");
    // A signature that is not valid at all fails like one of another key.
    let mut chain = world.chain.clone();
    let unsigned = ZkSyncTx::Transfer(Box::new(valid.clone()));
    assert_eq!(chain.execute(unsigned), Err("Transfer signature is incorrect".into()));
    // The limits of the time range are part of it, and self transfers need amount and fee.
    let at = ZkSyncTx::Transfer(Box::new(Transfer {
        time_range: range(1_600_000_060, 1_600_000_060),
        amount: 999u32.into(),
        to: alice.address(),
        ..valid.clone()
    }));
    world.succeeds(at, alice);
}

#[test]
fn withdrawals() {
    let world = World::new();
    let World { alice, bob, carol, .. } = &world;
    let valid = Withdraw {
        account_id: AccountId(1),
        from: alice.address(),
        to: LOCKED,
        token: TokenId(0),
        amount: 10u8.into(),
        fee: 1u8.into(),
        nonce: Nonce(1),
        signature: TxSignature::default(),
        fast: false,
        time_range: Some(TimeRange::default()),
    };
    world.succeeds(ZkSyncTx::Withdraw(Box::new(valid.clone())), alice);
    let fails = |signer: &Wallet, change: &dyn Fn(&mut Withdraw), reason: &str| {
        world.fails(&valid, ZkSyncTx::Withdraw, signer, change, reason);
    };
    fails(alice, &|tx| tx.token = TokenId(1_024), "Token id is not supported");
    fails(carol, &|tx| tx.from = carol.address(), "From account does not exist");
    fails(alice, &|tx| tx.from = LOCKED, "Account is locked");
    fails(bob, &|_| {}, "Withdraw signature is incorrect");
    fails(alice, &|tx| tx.account_id = AccountId(2), "Withdraw account id is incorrect");
    fails(alice, &|tx| tx.nonce = Nonce(u32::MAX), "Nonce mismatch");
    fails(alice, &|tx| tx.amount = 1_000u32.into(), "Not enough balance");
}

#[test]
fn key_changes() {
    let world = World::new();
    let World { alice, bob, carol, .. } = &world;
    let valid = ChangePubKey {
        account_id: AccountId(1),
        account: alice.address(),
        new_pk_hash: bob.pub_key_hash(),
        fee_token: TokenId(0),
        fee: 1u8.into(),
        nonce: Nonce(1),
        signature: TxSignature::default(),
        eth_signature: None,
        eth_auth_data: Some(ChangePubKeyEthAuthData::Onchain {}),
        time_range: None,
        chain_id: Some(9),
    };
    world.succeeds(ZkSyncTx::ChangePubKey(Box::new(valid.clone())), bob);
    let fails = |signer: &Wallet, change: &dyn Fn(&mut ChangePubKey), reason: &str| {
        world.fails(&valid, ZkSyncTx::ChangePubKey, signer, change, reason);
    };
    fails(bob, &|tx| tx.account = carol.address(), "Account does not exist");
    fails(bob, &|tx| tx.fee_token = TokenId(1_024), "FeeToken id is not supported");
    let authorisation = "ChangePubKey Ethereum auth data is incorrect";
    let no_data = |tx: &mut ChangePubKey| {
        tx.eth_auth_data = None;
        tx.eth_signature = Some(alice.sign_ethereum(b"other"));
    };
    fails(bob, &no_data, authorisation);
    fails(alice, &|_| {}, "ChangePubKey zkSync signature is incorrect");
    fails(bob, &|tx| tx.account_id = AccountId(2), "ChangePubKey account id is incorrect");
    let storage = |tx: &mut ChangePubKey| {
        tx.account = STORAGE;
        tx.account_id = NFT_STORAGE_ACCOUNT_ID;
    };
    fails(bob, &storage, "ChangePubKey account id is bigger than max supported");
    fails(bob, &|tx| tx.nonce = Nonce(0), "Nonce mismatch");
    fails(bob, &|tx| tx.fee = 1_001u32.into(), "Not enough balance");
}

#[test]
fn forced_exits() {
    let world = World::new();
    let World { alice, bob, .. } = &world;
    let valid = ForcedExit {
        initiator_account_id: AccountId(1),
        target: LOCKED,
        token: TokenId(0),
        fee: 1u8.into(),
        nonce: Nonce(1),
        signature: TxSignature::default(),
        time_range: None,
    };
    world.succeeds(ZkSyncTx::ForcedExit(Box::new(valid.clone())), alice);
    let fails = |signer: &Wallet, change: &dyn Fn(&mut ForcedExit), reason: &str| {
        world.fails(&valid, ZkSyncTx::ForcedExit, signer, change, reason);
    };
    fails(alice, &|tx| tx.initiator_account_id = AccountId(8), "Initiator account does not exist");
    fails(bob, &|_| {}, "ForcedExit signature is incorrect");
    fails(alice, &|tx| tx.initiator_account_id = AccountId(3), "ForcedExit signature is incorrect");
    fails(alice, &|tx| tx.token = TokenId(1_024), "Token id is not supported");
    fails(alice, &|tx| tx.target = Address([4; 20]), "Target account does not exist");
    fails(alice, &|tx| tx.target = STORAGE, "Target account does not exist");
    let unlocked = "Target account is not locked; forced exit is forbidden";
    fails(alice, &|tx| tx.target = bob.address(), unlocked);
    fails(alice, &|tx| tx.nonce = Nonce(0), "Nonce mismatch");
    let fees = "Initiator account: Not enough balance to cover fees";
    fails(alice, &|tx| tx.fee = 1_001u32.into(), fees);
}

#[test]
fn nfts_are_minted() {
    let world = World::new();
    let World { alice, bob, carol, .. } = &world;
    let valid = MintNft {
        creator_id: AccountId(1),
        creator_address: alice.address(),
        content_hash: H256([1; 32]),
        recipient: bob.address(),
        fee: 1u8.into(),
        fee_token: TokenId(0),
        nonce: Nonce(1),
        signature: TxSignature::default(),
    };
    world.succeeds(ZkSyncTx::MintNFT(Box::new(valid.clone())), alice);
    let fails = |signer: &Wallet, change: &dyn Fn(&mut MintNft), reason: &str| {
        world.fails(&valid, ZkSyncTx::MintNFT, signer, change, reason);
    };
    fails(alice, &|tx| tx.fee_token = TokenId(1_024), "Token id is not supported");
    fails(alice, &|tx| tx.recipient = Address::default(), "Recipient account id is incorrect");
    fails(alice, &|tx| tx.creator_id = AccountId(8), "Creator account does not exist");
    fails(alice, &|tx| tx.creator_id = AccountId(3), "Creator account is incorrect");
    fails(alice, &|tx| tx.creator_address = bob.address(), "Creator account is incorrect");
    fails(bob, &|_| {}, "MintNFT signature is incorrect");
    fails(alice, &|tx| tx.recipient = carol.address(), "Recipient account not found");
    fails(alice, &|tx| tx.nonce = Nonce(0), "Nonce mismatch");
    fails(alice, &|tx| tx.fee = 1_001u32.into(), "Not enough balance");
    fails(alice, &|tx| tx.recipient = STORAGE, "NFT token is already in account");
}

#[test]
fn nfts_are_withdrawn() {
    let world = World::new();
    let World { alice, bob, carol, .. } = &world;
    let valid = WithdrawNft {
        account_id: AccountId(2),
        from: bob.address(),
        to: LOCKED,
        token: NFT,
        fee_token: TokenId(0),
        fee: 1u8.into(),
        nonce: Nonce(0),
        signature: TxSignature::default(),
        fast: false,
        time_range: TimeRange::default(),
    };
    world.succeeds(ZkSyncTx::WithdrawNFT(Box::new(valid.clone())), bob);
    let fails = |signer: &Wallet, change: &dyn Fn(&mut WithdrawNft), reason: &str| {
        world.fails(&valid, ZkSyncTx::WithdrawNFT, signer, change, reason);
    };
    fails(bob, &|tx| tx.token = TokenId(65_535), "Token id is not supported");
    fails(bob, &|tx| tx.token = NFT_TOKEN_ID, "Token id is not supported");
    fails(carol, &|tx| tx.from = carol.address(), "Withdraw account id is incorrect");
    fails(bob, &|tx| tx.from = LOCKED, "Account is locked");
    fails(alice, &|_| {}, "Withdraw signature is incorrect");
    fails(bob, &|tx| tx.account_id = AccountId(1), "Withdraw account id is incorrect");
    fails(bob, &|tx| tx.fee_token = TokenId(1_024), "FeeToken id is not supported");
    fails(bob, &|tx| tx.token = TokenId(65_537), "NFT was not found");
    fails(bob, &|tx| tx.nonce = Nonce(1), "Nonce mismatch");
    let other = |tx: &mut WithdrawNft| {
        tx.account_id = AccountId(1);
        tx.from = alice.address();
        tx.nonce = Nonce(1);
    };
    fails(alice, &other, "Not enough nft balance");
    fails(bob, &|tx| tx.fee = 501u32.into(), "Not enough balance");
}

#[test]
fn swaps() {
    let world = World::new();
    let World { alice, bob, carol, .. } = &world;
    let valid = world.swap();
    world.succeeds(ZkSyncTx::Swap(Box::new(valid.clone())), alice);
    let fails = |signer: &Wallet, change: &dyn Fn(&mut Swap), reason: &str| {
        world.fails(&valid, ZkSyncTx::Swap, signer, change, reason);
    };
    // Orders are signed again after a change.
    let first = |change: &dyn Fn(&mut crate::domain::Order), reason: &str| {
        let changed = |tx: &mut Swap| {
            change(&mut tx.orders.0);
            tx.orders.0.signature = alice.sign(&tx.orders.0.signed_bytes().unwrap());
        };
        fails(alice, &changed, reason);
    };
    let second = |change: &dyn Fn(&mut crate::domain::Order), reason: &str| {
        let changed = |tx: &mut Swap| {
            change(&mut tx.orders.1);
            tx.orders.1.signature = bob.sign(&tx.orders.1.signed_bytes().unwrap());
        };
        fails(alice, &changed, reason);
    };
    first(&|order| order.token_buy = NFT_TOKEN_ID, "Token id is not supported");
    second(&|order| order.token_sell = NFT_TOKEN_ID, "Token id is not supported");
    first(&|order| order.account_id = NFT_STORAGE_ACCOUNT_ID, "Order account id is incorrect");
    second(&|order| order.account_id = AccountId(8), "Order account id is incorrect");
    first(&|order| order.recipient = carol.address(), "Recipient Account does not exist");
    first(&|order| order.recipient = STORAGE, "Recipient Account does not exist");
    second(&|order| order.account_id = AccountId(3), "Account is locked");
    first(&|order| order.account_id = AccountId(2), "Order signature is incorrect");
    fails(alice, &|tx| tx.orders.1.nonce = Nonce(7), "Order signature is incorrect");
    fails(alice, &|tx| tx.submitter_id = NFT_STORAGE_ACCOUNT_ID, "Order account id is incorrect");
    fails(alice, &|tx| tx.fee_token = TokenId(1_024), "Token id is not supported");
    fails(carol, &|tx| tx.submitter_address = carol.address(), "Submitter account does not exist");
    fails(alice, &|tx| tx.submitter_address = LOCKED, "Account is locked");
    fails(bob, &|_| {}, "Swap signature is incorrect");
    fails(alice, &|tx| tx.submitter_id = AccountId(2), "Submitter account_id or address is incorrect");
    first(&|order| order.token_buy = TokenId(2), "Buy/Sell tokens do not match");
    second(&|order| order.token_buy = TokenId(2), "Buy/Sell tokens do not match");
    let same_tokens = |tx: &mut Swap| {
        tx.orders.0.token_buy = TokenId(0);
        tx.orders.1.token_sell = TokenId(0);
        tx.orders.0.signature = alice.sign(&tx.orders.0.signed_bytes().unwrap());
        tx.orders.1.signature = bob.sign(&tx.orders.1.signed_bytes().unwrap());
    };
    fails(alice, &same_tokens, "Can't swap the same tokens");
    fails(alice, &|tx| tx.amounts.0 = 99u8.into(), "Amounts do not match");
    fails(alice, &|tx| tx.amounts.1 = 21u8.into(), "Amounts do not match");
    let self_swap = |tx: &mut Swap| {
        tx.orders.1.account_id = AccountId(1);
        tx.orders.1.signature = alice.sign(&tx.orders.1.signed_bytes().unwrap());
    };
    fails(alice, &self_swap, "Self-swap is not allowed");
    let prices = "Amounts are not compatible with prices";
    first(&|order| order.ratio.1 = 21u8.into(), prices);
    second(&|order| order.ratio.1 = 101u8.into(), prices);
    fails(alice, &|tx| tx.nonce = Nonce(0), "Nonce mismatch");
    fails(alice, &|tx| tx.fee = 901u32.into(), "Not enough balance");
    fails(alice, &|tx| (tx.fee, tx.fee_token) = (71u8.into(), TokenId(1)), "Not enough balance");
    first(&|order| order.nonce = Nonce(2), "Nonce mismatch");
    second(&|order| order.nonce = Nonce(1), "Nonce mismatch");
    // The bought amount counts for the fee.
    let in_bought_token = Swap { fee: 70u8.into(), fee_token: TokenId(1), ..valid.clone() };
    world.succeeds(ZkSyncTx::Swap(Box::new(in_bought_token)), alice);
}

#[test]
fn closing_is_disabled() {
    let world = World::new();
    let close = Close {
        account: world.alice.address(),
        nonce: Nonce(1),
        signature: TxSignature::default(),
        time_range: TimeRange::default(),
    };
    let reason = "Close operations are disabled";
    world.fails(&close, ZkSyncTx::Close, &world.alice, |_| {}, reason);
}
