//! The check of a database before it is used: version, tables, permissions, and progress of the
//! chain.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;

use super::columns::Columns;
use super::connection::{Role, connect};
use super::error::LinkError;
use super::options::LinkOptions;

/// The tables that are read, with the columns that are used, separated by spaces.
const READ: &[(&str, &str)] = &[
    (
        "blocks",
        "number root_hash fee_account_id unprocessed_prior_op_before unprocessed_prior_op_after block_size \
         commit_gas_limit verify_gas_limit timestamp commitment",
    ),
    (
        "executed_transactions",
        "block_number block_index tx operation success fail_reason created_at eth_sign_data batch_id",
    ),
    (
        "executed_priority_operations",
        "block_number block_index operation priority_op_serialid deadline_block eth_hash eth_block \
         eth_block_index created_at",
    ),
    ("account_creates", "account_id is_create block_number address nonce update_order_id"),
    (
        "account_balance_updates",
        "account_id block_number coin_id old_balance new_balance old_nonce new_nonce update_order_id",
    ),
    (
        "account_pubkey_updates",
        "account_id block_number old_pubkey_hash new_pubkey_hash old_nonce new_nonce update_order_id",
    ),
    (
        "mint_nft_updates",
        "token_id block_number creator_account_id creator_address serial_id address content_hash symbol nonce \
         update_order_id",
    ),
    ("aggregate_operations", "id action_type arguments from_block to_block confirmed"),
    ("accounts", "id nonce address pubkey_hash"),
    ("balances", "account_id coin_id balance"),
    ("proofs", "block_number proof"),
    ("aggregated_proofs", "first_block last_block proof"),
];

/// The tables that are written.
const WRITTEN: &[&str] = &["proofs", "aggregated_proofs"];

const SERVER: &str = "
    SELECT current_setting('server_version') AS version, current_database()::text AS database,
        current_user::text AS role, coalesce((SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()), '') AS tls,
        pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on' AS read_only,
        has_schema_privilege('public', 'USAGE') AS usage";

const COLUMNS: &str = "
    SELECT relname::text AS table_name, attname::text AS column_name FROM pg_attribute
    JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'p', 'f') AND attnum > 0 AND NOT attisdropped
        AND relname = ANY($1::text[])";

const PERMISSIONS: &str = "
    SELECT relname::text AS table_name, has_table_privilege(oid, 'SELECT') AS may_select,
        has_table_privilege(oid, 'INSERT') AS may_insert
    FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'p', 'f') AND relname = ANY($1::text[])";

const CHAIN: &str = "
    SELECT coalesce((SELECT min(number) FROM blocks), 0)::bigint AS oldest,
        coalesce((SELECT max(number) FROM blocks), 0)::bigint AS newest,
        coalesce((SELECT max(to_block) FROM aggregate_operations
            WHERE action_type = 'ExecuteBlocks'), 0)::bigint AS verified,
        coalesce((SELECT max(to_block) FROM aggregate_operations
            WHERE action_type = 'ExecuteBlocks' AND confirmed), 0)::bigint AS confirmed,
        coalesce((SELECT max(block_number) FROM proofs), 0)::bigint AS proven,
        coalesce((SELECT max(last_block) FROM aggregated_proofs), 0)::bigint AS aggregated";

/// A fault of the database, with the statement or the change that mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The fault, as a sentence.
    pub message: String,
    /// The SQL statement for the owner of the tables, if one mends it.
    pub statement: Option<String>,
}

/// Numbers of blocks in the node's tables; 0 for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChainNumbers {
    pub oldest: u32,
    pub newest: u32,
    /// The last executed block.
    pub verified: u32,
    /// The last block whose execution is confirmed.
    pub confirmed: u32,
    /// The last block with a proof.
    pub proven: u32,
    /// The last block with an aggregated proof.
    pub aggregated: u32,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DatabaseReport {
    /// Version of PostgreSQL.
    pub version: String,
    pub database: String,
    pub role: String,
    /// Version of TLS of the connection; `None` without TLS.
    pub tls: Option<String>,
    pub faults: Vec<Fault>,
    /// `None` if a fault prevents reading it.
    pub chain: Option<ChainNumbers>,
}

/// Checks if the database can be used without changes.
///
/// # Errors
/// Fails if no connection can be made or a statement fails; everything else is in the report.
pub(crate) async fn check(options: &LinkOptions) -> Result<DatabaseReport, LinkError> {
    // The connection for reading makes its own transactions read-only.
    let client = connect(options, Role::Write).await?;
    let server = client.query_one(SERVER, &[]).await?;
    let of = Columns { table: "the server", row: &server };
    let role: String = of.get("role")?;
    let mut faults = Vec::new();
    let grantee = quoted(&role);
    if !of.get::<bool>("usage")? {
        faults.push(Fault {
            message: "the role may not use the schema".to_owned(),
            statement: Some(format!("GRANT USAGE ON SCHEMA public TO {grantee};")),
        });
    }
    if of.get::<bool>("read_only")? {
        faults.push(Fault {
            message:
                "the database accepts no changes: it is a replica, or default_transaction_read_only is on"
                    .to_owned(),
            statement: None,
        });
    }

    faults.extend(table_faults(&client, &grantee).await?);
    let chain = match client.query_one(CHAIN, &[]).await {
        Ok(row) => Some(chain_numbers(&Columns { table: "blocks", row: &row })?),
        // The faults say why.
        Err(_) if !faults.is_empty() => None,
        Err(error) => return Err(error.into()),
    };
    let tls = Some(of.get::<String>("tls")?).filter(|version| !version.is_empty());
    Ok(DatabaseReport {
        version: of.get("version")?,
        database: of.get("database")?,
        role,
        tls,
        faults,
        chain,
    })
}

/// Returns the tables, columns and permissions that are missing. `grantee` is the role as SQL.
async fn table_faults(client: &Client, grantee: &str) -> Result<Vec<Fault>, LinkError> {
    let mut faults = Vec::new();
    let names: Vec<&str> = READ.iter().map(|(table, _)| *table).collect();
    let mut columns: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in &client.query(COLUMNS, &[&names]).await? {
        let of = Columns { table: "pg_attribute", row };
        columns.entry(of.get("table_name")?).or_default().insert(of.get("column_name")?);
    }
    let mut permissions: BTreeMap<String, (bool, bool)> = BTreeMap::new();
    for row in &client.query(PERMISSIONS, &[&names]).await? {
        let of = Columns { table: "pg_class", row };
        permissions.insert(of.get("table_name")?, (of.get("may_select")?, of.get("may_insert")?));
    }
    for (table, needed) in READ {
        let Some(present) = columns.get(*table) else {
            let message =
                format!("the table {table} is missing: this is not the database of a zkSync Lite node");
            faults.push(Fault { message, statement: None });
            continue;
        };
        for column in needed.split(' ').filter(|column| !present.contains(*column)) {
            let message = format!("the column {table}.{column} is missing: the node has another version");
            faults.push(Fault { message, statement: None });
        }
        let (may_select, may_insert) = permissions.get(*table).copied().unwrap_or_default();
        let lacking = [("SELECT", may_select), ("INSERT", may_insert || !WRITTEN.contains(table))];
        for (permission, _) in lacking.iter().filter(|(_, granted)| !granted) {
            faults.push(Fault {
                message: format!("the role lacks {permission} on {table}"),
                statement: Some(format!("GRANT {permission} ON {table} TO {grantee};")),
            });
        }
    }
    Ok(faults)
}

fn chain_numbers(of: &Columns<'_>) -> Result<ChainNumbers, LinkError> {
    Ok(ChainNumbers {
        oldest: of.number("oldest")?,
        newest: of.number("newest")?,
        verified: of.number("verified")?,
        confirmed: of.number("confirmed")?,
        proven: of.number("proven")?,
        aggregated: of.number("aggregated")?,
    })
}

/// Returns the name of a role as SQL: in quotes if it is not a plain one.
fn quoted(role: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    match role.chars().all(plain) && !role.starts_with(|c: char| c.is_ascii_digit()) {
        true => role.to_owned(),
        false => format!("\"{}\"", role.replace('"', "\"\"")),
    }
}
