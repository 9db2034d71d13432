//! Sealed blocks of the node, read in ranges and put together from their tables
//! (`docs/protocol/09-node-database.md` §1).

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use tokio_postgres::{Client, Row, Statement, Transaction};

use super::columns::Columns;
use super::error::LinkError;
use crate::crypto::fr;
use crate::domain::{
    AccountId, AccountUpdate, AccountUpdates, Address, Block, BlockNumber, EthSignData, ExecutedOperations,
    ExecutedPriorityOp, ExecutedTx, H256, ImportedBlock, Nft, Nonce, PriorityOp, PubKeyHash, SignedZkSyncTx,
    TokenId, U256, ZkSyncOp, ZkSyncPriorityOp,
};

const HEADERS: &str = "
    SELECT number::bigint, root_hash, fee_account_id::bigint, unprocessed_prior_op_before::bigint,
           unprocessed_prior_op_after::bigint, block_size::bigint, commit_gas_limit::bigint,
           verify_gas_limit::bigint, timestamp::bigint, commitment
    FROM blocks WHERE number > $1 ORDER BY number LIMIT $2";

const TRANSACTIONS: &str = "
    SELECT block_number::bigint, block_index::bigint, tx::text, operation::text, success, fail_reason,
           created_at, eth_sign_data::text, batch_id::bigint
    FROM executed_transactions WHERE block_number BETWEEN $1 AND $2";

const PRIORITY_OPERATIONS: &str = "
    SELECT block_number::bigint, block_index::bigint, operation::text, priority_op_serialid::bigint,
           deadline_block::bigint, eth_hash, eth_block::bigint, eth_block_index::bigint, created_at
    FROM executed_priority_operations WHERE block_number BETWEEN $1 AND $2";

const CREATES: &str = "
    SELECT block_number::bigint, update_order_id::bigint, account_id::bigint, is_create, address,
           nonce::bigint
    FROM account_creates WHERE block_number BETWEEN $1 AND $2";

const BALANCES: &str = "
    SELECT block_number::bigint, update_order_id::bigint, account_id::bigint, coin_id::bigint,
           old_balance::text, new_balance::text, old_nonce::bigint, new_nonce::bigint
    FROM account_balance_updates WHERE block_number BETWEEN $1 AND $2";

const PUBKEYS: &str = "
    SELECT block_number::bigint, update_order_id::bigint, account_id::bigint, old_pubkey_hash,
           new_pubkey_hash, old_nonce::bigint, new_nonce::bigint
    FROM account_pubkey_updates WHERE block_number BETWEEN $1 AND $2";

const MINTS: &str = "
    SELECT block_number::bigint, update_order_id::bigint, token_id::bigint, creator_account_id::bigint,
           creator_address, serial_id::bigint, address, content_hash, symbol, nonce::bigint
    FROM mint_nft_updates WHERE block_number BETWEEN $1 AND $2";

/// The account updates of a range of blocks, by block.
pub(super) type UpdatesByBlock = BTreeMap<u32, AccountUpdates>;

/// A row of `blocks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub number: u32,
    /// Root of the account tree after the block, big-endian.
    pub root: [u8; 32],
    pub commitment: [u8; 32],
    pub fee_account: u32,
    /// Number of the next priority operation before and after the block.
    pub priority_operations: (u64, u64),
    /// Size of the block in chunks.
    pub chunks: usize,
    pub commit_gas_limit: u64,
    pub verify_gas_limit: u64,
    /// Unix seconds.
    pub timestamp: u64,
}

/// The prepared statements that read blocks.
pub(super) struct BlockStatements {
    headers: Statement,
    transactions: Statement,
    priority_operations: Statement,
    updates: [Statement; 4],
}

impl BlockStatements {
    pub(super) async fn prepare(client: &Client) -> Result<Self, LinkError> {
        Ok(Self {
            headers: client.prepare(HEADERS).await?,
            transactions: client.prepare(TRANSACTIONS).await?,
            priority_operations: client.prepare(PRIORITY_OPERATIONS).await?,
            updates: [
                client.prepare(CREATES).await?,
                client.prepare(BALANCES).await?,
                client.prepare(PUBKEYS).await?,
                client.prepare(MINTS).await?,
            ],
        })
    }

    /// Reads up to `limit` headers of the blocks after `after`, by number.
    pub(super) async fn headers(
        &self,
        of: &Transaction<'_>,
        after: u32,
        limit: u32,
    ) -> Result<Vec<Header>, LinkError> {
        let rows = of.query(&self.headers, &[&i64::from(after), &i64::from(limit)]).await?;
        rows.iter().map(header).collect()
    }

    /// Reads the account updates of the blocks `first` to `last`, in the order in which they took
    /// effect.
    pub(super) async fn updates(
        &self,
        of: &Transaction<'_>,
        first: u32,
        last: u32,
    ) -> Result<UpdatesByBlock, LinkError> {
        let (first, last) = (i64::from(first), i64::from(last));
        // The queries are sent together, without waiting for each other.
        let queries = self.updates.iter().map(|statement| {
            let range: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&first, &last];
            async move { of.query(statement, &range).await }
        });
        let tables = try_join_all(queries).await?;
        let mut all = Vec::with_capacity(tables.iter().map(Vec::len).sum());
        for (rows, read) in tables.iter().zip([create, balance, pubkey, mint]) {
            for row in rows {
                all.push(read(row)?);
            }
        }
        all.sort_unstable_by_key(|(place, _)| *place);
        let mut by_block = UpdatesByBlock::new();
        for ((block, _), update) in all {
            by_block.entry(block).or_default().push(update);
        }
        Ok(by_block)
    }

    /// Reads the blocks of consecutive headers.
    pub(super) async fn blocks(
        &self,
        of: &Transaction<'_>,
        headers: &[Header],
    ) -> Result<Vec<ImportedBlock>, LinkError> {
        let ([first, ..], [.., last]) = (headers, headers) else { return Ok(Vec::new()) };
        let (first, last) = (first.number, last.number);
        let range = (i64::from(first), i64::from(last));
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&range.0, &range.1];
        let (transactions, priority_operations) = tokio::try_join!(
            of.query(&self.transactions, &parameters),
            of.query(&self.priority_operations, &parameters),
        )?;
        let mut updates = self.updates(of, first, last).await?;
        let mut operations = BTreeMap::<u32, Vec<(u32, ExecutedOperations)>>::new();
        for row in &transactions {
            let (block, place, operation) = transaction(row)?;
            operations.entry(block).or_default().push((place, operation));
        }
        for row in &priority_operations {
            let (block, place, operation) = priority_operation(row)?;
            operations.entry(block).or_default().push((place, operation));
        }
        let blocks = headers.iter().map(|header| {
            let number = header.number;
            let operations = operations.remove(&number).unwrap_or_default();
            block(header, operations, updates.remove(&number).unwrap_or_default())
        });
        blocks.collect()
    }
}

fn header(row: &Row) -> Result<Header, LinkError> {
    let of = Columns { table: "blocks", row };
    Ok(Header {
        number: of.number("number")?,
        root: of.bytes("root_hash")?,
        commitment: of.bytes("commitment")?,
        fee_account: of.number("fee_account_id")?,
        priority_operations: (
            of.number("unprocessed_prior_op_before")?,
            of.number("unprocessed_prior_op_after")?,
        ),
        chunks: of.number("block_size")?,
        commit_gas_limit: of.number("commit_gas_limit")?,
        verify_gas_limit: of.number("verify_gas_limit")?,
        // The node stores an unsigned number of 64 bits in a signed column.
        timestamp: of.get::<Option<i64>>("timestamp")?.unwrap_or(0).cast_unsigned(),
    })
}

/// Puts a block together: successful operations by their index, then failed transactions.
fn block(
    header: &Header,
    mut operations: Vec<(u32, ExecutedOperations)>,
    accounts_updated: AccountUpdates,
) -> Result<ImportedBlock, LinkError> {
    operations.sort_by_key(|(place, _)| *place);
    let root = fr::from_bytes(&header.root);
    let block = Block {
        block_number: BlockNumber(header.number),
        new_root_hash: root.map_err(|error| LinkError::row("blocks.root_hash", error))?,
        fee_account: AccountId(header.fee_account),
        block_transactions: operations.into_iter().map(|(_, operation)| operation).collect(),
        processed_priority_ops: header.priority_operations,
        block_chunks_size: header.chunks,
        commit_gas_limit: U256::from(header.commit_gas_limit),
        verify_gas_limit: U256::from(header.verify_gas_limit),
        block_commitment: H256(header.commitment),
        timestamp: header.timestamp,
    };
    Ok(ImportedBlock { block, accounts_updated })
}

/// Returns block, place among the operations and content of an executed transaction.
fn transaction(row: &Row) -> Result<(u32, u32, ExecutedOperations), LinkError> {
    let of = Columns { table: "executed_transactions", row };
    let created_at = of.time("created_at")?;
    let eth_sign_data: Option<EthSignData> = match of.get::<Option<&str>>("eth_sign_data")? {
        None => None,
        Some(_) => of.json("eth_sign_data")?,
    };
    let success: bool = of.get("success")?;
    let op: Option<ZkSyncOp> = of.json("operation")?;
    let block_index = of.optional_number("block_index")?;
    if success && block_index.is_none() {
        return Err(of.unusable("block_index", "it is null for a successful transaction"));
    }
    let transaction = ExecutedTx {
        signed_tx: SignedZkSyncTx { tx: of.json("tx")?, eth_sign_data, created_at },
        success,
        // A failed transaction has no effect and no place, even if the columns have values.
        op: op.filter(|_| success),
        fail_reason: of.get("fail_reason")?,
        block_index: block_index.filter(|_| success),
        created_at,
        batch_id: of.get("batch_id")?,
    };
    let place = transaction.block_index.unwrap_or(u32::MAX);
    Ok((of.number("block_number")?, place, ExecutedOperations::Tx(Box::new(transaction))))
}

/// Returns block, place among the operations and content of an executed priority operation.
fn priority_operation(row: &Row) -> Result<(u32, u32, ExecutedOperations), LinkError> {
    let of = Columns { table: "executed_priority_operations", row };
    let op: ZkSyncOp = of.json("operation")?;
    let data = match &op {
        ZkSyncOp::Deposit(op) => ZkSyncPriorityOp::Deposit(op.priority_op.clone()),
        ZkSyncOp::FullExit(op) => ZkSyncPriorityOp::FullExit(op.priority_op.clone()),
        other => return Err(of.unusable("operation", format!("a {} has no priority", other.kind()))),
    };
    let eth_hash: &[u8] = of.get("eth_hash")?;
    let priority_op = PriorityOp {
        serial_id: of.number("priority_op_serialid")?,
        data,
        deadline_block: of.number("deadline_block")?,
        eth_hash: H256::padded(eth_hash).ok_or_else(|| of.unusable("eth_hash", "more than 32 bytes"))?,
        eth_block: of.number("eth_block")?,
        eth_block_index: of.optional_number("eth_block_index")?,
    };
    let block_index = of.number("block_index")?;
    let operation = ExecutedPriorityOp { priority_op, op, block_index, created_at: of.time("created_at")? };
    Ok((of.number("block_number")?, block_index, ExecutedOperations::PriorityOp(Box::new(operation))))
}

/// Block and place of an account update, and the update.
type Placed = ((u32, u32), (AccountId, AccountUpdate));

fn placed(of: &Columns<'_>, account: &'static str, update: AccountUpdate) -> Result<Placed, LinkError> {
    let place = (of.number("block_number")?, of.number("update_order_id")?);
    Ok((place, (AccountId(of.number(account)?), update)))
}

fn create(row: &Row) -> Result<Placed, LinkError> {
    let of = Columns { table: "account_creates", row };
    let address = Address(of.bytes("address")?);
    let nonce = Nonce(of.number("nonce")?);
    let update = if of.get("is_create")? {
        AccountUpdate::Create { address, nonce }
    } else {
        AccountUpdate::Delete { address, nonce }
    };
    placed(&of, "account_id", update)
}

fn balance(row: &Row) -> Result<Placed, LinkError> {
    let of = Columns { table: "account_balance_updates", row };
    let update = AccountUpdate::UpdateBalance {
        old_nonce: Nonce(of.number("old_nonce")?),
        new_nonce: Nonce(of.number("new_nonce")?),
        balance_update: (
            TokenId(of.number("coin_id")?),
            of.amount("old_balance")?,
            of.amount("new_balance")?,
        ),
    };
    placed(&of, "account_id", update)
}

fn pubkey(row: &Row) -> Result<Placed, LinkError> {
    let of = Columns { table: "account_pubkey_updates", row };
    let update = AccountUpdate::ChangePubKeyHash {
        old_pub_key_hash: PubKeyHash(of.bytes("old_pubkey_hash")?),
        new_pub_key_hash: PubKeyHash(of.bytes("new_pubkey_hash")?),
        old_nonce: Nonce(of.number("old_nonce")?),
        new_nonce: Nonce(of.number("new_nonce")?),
    };
    placed(&of, "account_id", update)
}

fn mint(row: &Row) -> Result<Placed, LinkError> {
    let of = Columns { table: "mint_nft_updates", row };
    let token = Nft {
        id: TokenId(of.number("token_id")?),
        serial_id: of.number("serial_id")?,
        creator_address: Address(of.bytes("creator_address")?),
        creator_id: AccountId(of.number("creator_account_id")?),
        address: Address(of.bytes("address")?),
        symbol: of.get("symbol")?,
        content_hash: H256(of.bytes("content_hash")?),
    };
    let nonce = Nonce(of.number("nonce")?);
    placed(&of, "creator_account_id", AccountUpdate::MintNFT { token, nonce })
}
