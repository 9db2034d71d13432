//! Writes rows as a node does, from the JSON of genesis, blocks and aggregated operations.

use num_bigint::BigUint;
use serde_json::Value;
use zksync_witness_server::testing::internals::domain::AggregatedOperation;

use crate::support::node_database::NodeDatabase;

const NO_KEY: &str = "0000000000000000000000000000000000000000";

impl NodeDatabase {
    /// Writes genesis: block 0 with its updates, and the state.
    pub fn write_genesis(&self, genesis: &[u8], root: &str) {
        let genesis: Value = serde_json::from_slice(genesis).unwrap();
        let mut script = Script::default();
        let mut order = 0;
        let mut next = || {
            order += 1;
            order - 1
        };
        let mut accounts: Vec<_> = genesis.as_object().unwrap().iter().collect();
        accounts.sort_by_key(|(id, _)| id.parse::<u64>().unwrap());
        for (id, account) in accounts {
            let (address, key) = (bytes(&account["address"]), bytes(&account["pub_key_hash"]));
            let nonce = &account["nonce"];
            script.row("account_creates", &format!("{id}, 0, true, {address}, {nonce}, {}", next()));
            script.row("accounts", &format!("{id}, 0, {nonce}, {address}, {key}"));
            if !key.contains(NO_KEY) {
                let hashes = format!("'\\x{NO_KEY}', {key}");
                let values = format!("DEFAULT, {id}, 0, {hashes}, {nonce}, {nonce}, {}", next());
                script.row("account_pubkey_updates", &values);
            }
            let mut balances: Vec<_> = account["balances"].as_object().unwrap().iter().collect();
            balances.sort_by_key(|(token, _)| token.parse::<u64>().unwrap());
            for (token, balance) in balances {
                let balance = balance.as_str().unwrap();
                let values = format!("DEFAULT, {id}, 0, {token}, 0, {balance}, {nonce}, {nonce}, {}", next());
                script.row("account_balance_updates", &values);
                script.text += &token_row(token);
                script.row("balances", &format!("{id}, {token}, {balance}"));
            }
        }
        let mut all = script.in_few_statements();
        all.row("blocks", &format!("0, '\\x{root}', 0, 0, 0, 0, 0, 0, 0"));
        self.sql(&all.text);
    }

    /// Writes a block as the node seals it: first its operations, then its updates, each in a
    /// transaction of their own; its row in `blocks` last.
    pub fn write_block(&self, block: &Value) {
        self.write_pending(block);
        self.finish_block(block);
    }

    /// Writes the rows of a block that is not finished.
    pub fn write_pending(&self, block: &Value) {
        self.sql(&operations(&block["block"]));
        self.sql(&updates(block));
    }

    /// Writes the row of a block whose other rows exist.
    pub fn finish_block(&self, block: &Value) {
        self.finish_changed_block(block, "");
    }

    /// Writes the row of a block like [`finish_block`](Self::finish_block), changed by a statement
    /// in the same transaction.
    pub fn finish_changed_block(&self, block: &Value, change: &str) {
        let block = &block["block"];
        let [before, after] = [0, 1].map(|at| &block["processed_priority_ops"][at]);
        let gas = ["commit_gas_limit", "verify_gas_limit"].map(|name| {
            u64::from_str_radix(block[name].as_str().unwrap().strip_prefix("0x").unwrap(), 16).unwrap()
        });
        let mut script = Script::default();
        script.row(
            "blocks",
            &format!(
                "{}, {}, {}, {before}, {after}, {}, {}, {}, {}, {}",
                block["block_number"],
                bytes(&block["new_root_hash"]),
                block["fee_account"],
                block["block_chunks_size"],
                gas[0],
                gas[1],
                block["timestamp"].as_u64().unwrap() as i64,
                bytes(&block["block_commitment"]),
            ),
        );
        self.sql(&(script.text + change));
    }

    /// Writes an aggregated operation. A confirmed `ExecuteBlocks` moves the state.
    pub fn write_operation(&self, operation: &AggregatedOperation, confirmed: bool) {
        let json = serde_json::to_value(operation).unwrap();
        let (action, content) = json.as_object().unwrap().iter().next().unwrap();
        let blocks = content["blocks"].as_array().unwrap();
        let [first, last] = [&blocks[0], &blocks[blocks.len() - 1]].map(|block| &block["block_number"]);
        let mut script = Script::default();
        let values = format!(
            "DEFAULT, '{action}', {}, {first}, {last}, DEFAULT, {confirmed}",
            quoted(&json.to_string())
        );
        script.row("aggregate_operations", &values);
        if action == "ExecuteBlocks" && confirmed {
            script.text += &moved_state(first.as_u64().unwrap(), last.as_u64().unwrap());
        }
        self.sql(&script.text);
    }

    /// Reverts the chain to a block, as the node's `block_revert` does.
    ///
    /// The lock is not the node's: without it, a proof that is written while the transaction runs may
    /// stay (docs/node.md).
    pub fn revert_blocks(&self, last: u32) {
        let mut script = Script::default();
        script.text += "LOCK TABLE proofs, aggregated_proofs IN SHARE ROW EXCLUSIVE MODE;";
        for table in ["executed_transactions", "executed_priority_operations"]
            .iter()
            .chain(&["account_creates", "account_balance_updates", "account_pubkey_updates"])
            .chain(&["mint_nft_updates", "proofs"])
        {
            script.text += &format!("DELETE FROM {table} WHERE block_number > {last};");
        }
        script.text += &format!(
            "DELETE FROM blocks WHERE number > {last};
             DELETE FROM aggregated_proofs WHERE last_block > {last};
             DELETE FROM aggregate_operations WHERE from_block > {last};
             UPDATE aggregate_operations SET to_block = {last} WHERE to_block > {last};
             DELETE FROM prover_job_queue WHERE first_block > {last};
             UPDATE prover_job_queue SET last_block = {last} WHERE last_block > {last};"
        );
        self.sql(&script.text);
    }

    /// Removes proofs, as the node's `remove_proofs` does.
    pub fn remove_proofs(&self, last: u32) {
        self.sql(&format!(
            "DELETE FROM proofs WHERE block_number > {last};
             DELETE FROM aggregated_proofs WHERE last_block > {last};
             DELETE FROM block_witness WHERE block > {last};
             DELETE FROM prover_job_queue WHERE first_block > {last};
             UPDATE prover_job_queue SET last_block = {last} WHERE last_block > {last};
             DELETE FROM aggregate_operations WHERE from_block > {last} AND NOT confirmed;"
        ));
    }
}

/// Statements that are run together.
#[derive(Default)]
struct Script {
    text: String,
}

impl Script {
    fn row(&mut self, table: &str, values: &str) {
        self.text += &format!("INSERT INTO {table} VALUES ({values});\n");
    }

    /// Returns the same rows with one statement for each table, in the order in which the tables
    /// begin: a hundred thousand statements would take minutes.
    fn in_few_statements(&self) -> Self {
        let mut tables: Vec<(&str, &str, Vec<&str>)> = Vec::new();
        for line in self.text.lines() {
            let (table, values) = line.split_once(" VALUES ").unwrap();
            let (values, end) = values.split_at(values.rfind(')').unwrap() + 1);
            match tables.iter_mut().find(|(of, ..)| *of == table) {
                Some((.., rows)) => rows.push(values),
                None => tables.push((table, end, vec![values])),
            }
        }
        let statement =
            |(table, end, rows): (&str, &str, Vec<&str>)| format!("{table} VALUES {}{end}\n", rows.join(","));
        Self { text: tables.into_iter().map(statement).collect() }
    }
}

fn operations(block: &Value) -> String {
    let mut script = Script::default();
    let number = &block["block_number"];
    for executed in block["block_transactions"].as_array().unwrap() {
        let operation = quoted(&executed["op"].to_string());
        let at = quoted(executed["created_at"].as_str().unwrap());
        if executed["type"] == "PriorityOp" {
            let priority = &executed["priority_op"];
            let hash: Vec<u8> = serde_json::from_value(priority["eth_hash"].clone()).unwrap();
            script.row(
                "executed_priority_operations",
                &format!(
                    "{}, {number}, {}, {operation}, '', '', {}, '\\x{}', {}, {}, {at}",
                    priority["serial_id"],
                    executed["block_index"],
                    priority["deadline_block"],
                    hex::encode(hash),
                    priority["eth_block"],
                    priority["eth_block_index"],
                ),
            );
            continue;
        }
        let signed = &executed["signed_tx"];
        let tx = signed["tx"].to_string();
        let optional =
            |value: &Value| if value.is_null() { "NULL".into() } else { quoted(&value.to_string()) };
        let reason = executed["fail_reason"].as_str().map_or("NULL".into(), quoted);
        // A transaction that fails again keeps its row, one that succeeds moves.
        let conflict = match executed["success"].as_bool().unwrap() {
            true => {
                "DO UPDATE SET block_number = excluded.block_number, block_index = excluded.block_index, \
                 operation = excluded.operation, success = true, fail_reason = NULL, \
                 created_at = excluded.created_at"
            }
            false => "DO NOTHING",
        };
        script.text += &format!(
            "INSERT INTO executed_transactions VALUES ('\\x{}', {number}, {}, {}, {operation}, '', {}, {reason}, \
             '', {}, {at}, {}, {}) ON CONFLICT (tx_hash) {conflict};\n",
            blake3::hash(tx.as_bytes()),
            executed["block_index"],
            quoted(&tx),
            executed["success"],
            signed["tx"]["nonce"],
            optional(&signed["eth_sign_data"]),
            executed["batch_id"],
        );
    }
    script.text
}

fn updates(block: &Value) -> String {
    let mut script = Script::default();
    let number = &block["block"]["block_number"];
    for (order, update) in block["accounts_updated"].as_array().unwrap().iter().enumerate() {
        let id = &update[0];
        let (kind, of) = update[1].as_object().unwrap().iter().next().unwrap();
        let nonces = format!("{}, {}", of["old_nonce"], of["new_nonce"]);
        match kind.as_str() {
            "Create" | "Delete" => {
                let is_create = kind == "Create";
                let values = format!("{is_create}, {}, {}, {order}", bytes(&of["address"]), of["nonce"]);
                script.row("account_creates", &format!("{id}, {number}, {values}"));
            }
            "UpdateBalance" => {
                let [old, new] = [1, 2].map(|at| amount(&of["balance_update"][at]));
                let values = format!("{}, {old}, {new}, {nonces}, {order}", of["balance_update"][0]);
                script.row("account_balance_updates", &format!("DEFAULT, {id}, {number}, {values}"));
            }
            "ChangePubKeyHash" => {
                let [old, new] = ["old_pub_key_hash", "new_pub_key_hash"].map(|name| bytes(&of[name]));
                let values = format!("DEFAULT, {id}, {number}, {old}, {new}, {nonces}, {order}");
                script.row("account_pubkey_updates", &values);
            }
            "MintNFT" => {
                let nft = &of["token"];
                let [creator, address, hash] =
                    ["creator_address", "address", "content_hash"].map(|name| bytes(&nft[name]));
                let symbol = quoted(nft["symbol"].as_str().unwrap());
                let values = format!(
                    "{}, {number}, {id}, {creator}, {}, {address}, {hash}, {symbol}, {}, {order}",
                    nft["id"], nft["serial_id"], of["nonce"]
                );
                script.row("mint_nft_updates", &values);
            }
            other => panic!("{other}"),
        }
    }
    script.text
}

/// Returns the statements that apply the updates of executed blocks to the state.
fn moved_state(first: u64, last: u64) -> String {
    let range = format!("block_number BETWEEN {first} AND {last}");
    format!(
        "INSERT INTO accounts SELECT account_id, block_number, nonce, address, '\\x{NO_KEY}'
             FROM account_creates WHERE is_create AND {range};
         INSERT INTO tokens SELECT DISTINCT coin_id, '0x' || lpad(to_hex(coin_id), 40, '0'), 'T' || coin_id, 18
             FROM account_balance_updates WHERE {range} ON CONFLICT DO NOTHING;
         INSERT INTO balances SELECT DISTINCT ON (account_id, coin_id) account_id, coin_id, new_balance
             FROM account_balance_updates WHERE {range}
             ORDER BY account_id, coin_id, block_number DESC, update_order_id DESC
             ON CONFLICT (account_id, coin_id) DO UPDATE SET balance = excluded.balance;
         UPDATE accounts SET nonce = of.new_nonce, last_block = of.block_number FROM
             (SELECT DISTINCT ON (account_id) account_id, new_nonce, block_number FROM
                 (SELECT account_id, new_nonce, block_number, update_order_id FROM account_balance_updates
                  UNION ALL
                  SELECT account_id, new_nonce, block_number, update_order_id FROM account_pubkey_updates) both_kinds
              WHERE {range} ORDER BY account_id, block_number DESC, update_order_id DESC) of
             WHERE accounts.id = of.account_id;
         UPDATE accounts SET pubkey_hash = of.new_pubkey_hash FROM
             (SELECT DISTINCT ON (account_id) account_id, new_pubkey_hash FROM account_pubkey_updates
              WHERE {range} ORDER BY account_id, block_number DESC, update_order_id DESC) of
             WHERE accounts.id = of.account_id;
         INSERT INTO nft SELECT token_id, creator_account_id, creator_address, serial_id, address, content_hash
             FROM mint_nft_updates WHERE {range};"
    )
}

fn token_row(token: &str) -> String {
    let id: u32 = token.parse().unwrap();
    format!("INSERT INTO tokens VALUES ({id}, '0x{id:040x}', 'T{id}', 18) ON CONFLICT DO NOTHING;\n")
}

/// Returns the literal of bytes in hexadecimal, with or without a prefix.
fn bytes(value: &Value) -> String {
    let text = value.as_str().unwrap();
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("sync:")).unwrap_or(text);
    format!("'\\x{digits}'")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Returns an amount of an update as a decimal number.
fn amount(limbs: &Value) -> BigUint {
    BigUint::new(serde_json::from_value(limbs.clone()).unwrap())
}
