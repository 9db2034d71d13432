//! The databases of the tests: rows of the writer are those of the reference, and a cluster can be
//! stopped, killed, cut and limited.

use serde_json::Value;
use zksync_witness_server::testing::internals::domain::{AggregatedOperation, ImportedBlock};

use crate::support::node_database::{NodeDatabase, Rows, file};
use crate::support::tcp_proxy::TcpProxy;
use crate::support::{sample_block, vectors};

/// The rows that a server reads. Left out: the hash and the addresses of a transaction, and the
/// names of tokens.
const QUERIES: [&str; 9] = [
    "SELECT * FROM blocks ORDER BY number",
    "SELECT block_number, block_index, tx, operation, success, fail_reason, nonce, created_at, eth_sign_data, \
     batch_id FROM executed_transactions ORDER BY block_number, block_index, tx",
    "SELECT priority_op_serialid, block_number, block_index, operation, deadline_block, eth_hash, eth_block, \
     eth_block_index, created_at FROM executed_priority_operations ORDER BY 1",
    "SELECT * FROM account_creates ORDER BY block_number, update_order_id",
    "SELECT account_id, block_number, coin_id, old_balance, new_balance, old_nonce, new_nonce, update_order_id \
     FROM account_balance_updates ORDER BY block_number, update_order_id",
    "SELECT account_id, block_number, old_pubkey_hash, new_pubkey_hash, old_nonce, new_nonce, update_order_id \
     FROM account_pubkey_updates ORDER BY block_number, update_order_id",
    "SELECT * FROM mint_nft_updates ORDER BY block_number, update_order_id",
    "SELECT id, nonce, address, pubkey_hash FROM accounts ORDER BY id",
    "SELECT * FROM balances WHERE balance <> 0 ORDER BY account_id, coin_id",
];

fn rows(database: &NodeDatabase) -> Vec<Rows> {
    QUERIES.iter().map(|query| database.sql(query)).collect()
}

fn assert_equal(found: &[Rows], expected: &[Rows]) {
    for ((found, expected), query) in found.iter().zip(expected).zip(QUERIES) {
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found, expected, "{query}");
        }
        assert_eq!(found.len(), expected.len(), "{query}");
        assert!(!expected.is_empty(), "{query}");
    }
}

fn executed(blocks: &[Value]) -> AggregatedOperation {
    let block = |block: &Value| serde_json::from_value::<ImportedBlock>(block.clone()).unwrap().block;
    AggregatedOperation::ExecuteBlocks { blocks: blocks.iter().map(block).collect() }
}

#[test]
#[ignore = "needs PostgreSQL"]
fn the_writer_writes_the_rows_of_the_reference() {
    let database = NodeDatabase::new();
    database.load("revert_before");
    let before = rows(&database);
    database.empty();
    database.load("revert_after");
    let after = rows(&database);
    database.empty();

    let genesis =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/data/sample-chain/genesis.json")).unwrap();
    let blocks: Vec<Value> = (1..=8).map(sample_block).collect();
    database.write_genesis(&genesis, &before[0][0][1].as_ref().unwrap()[2..]);
    for block in &blocks {
        database.write_block(block);
    }
    database.write_operation(&executed(&blocks[..3]), true);
    database.write_operation(&executed(&blocks[3..4]), false);
    assert_equal(&rows(&database), &before);

    database.revert_blocks(5);
    database.write_block(
        &serde_json::from_slice(&vectors::read(&file("revert/blocks/000006.json.zst"))).unwrap(),
    );
    database.write_pending(&blocks[6]);
    assert_eq!(database.count("SELECT max(number) FROM blocks"), 6);
    database.finish_block(&blocks[6]);
    assert_equal(&rows(&database), &after);

    database.sql("INSERT INTO proofs SELECT number, '\"\"' FROM blocks; INSERT INTO aggregated_proofs VALUES (1, 3, '{}')");
    database.remove_proofs(3);
    let left = "SELECT (SELECT count(*) FROM proofs) + (SELECT count(*) FROM aggregated_proofs) * 10 \
                + (SELECT count(*) FROM aggregate_operations) * 100";
    assert_eq!(database.count(left), 4 + 10 + 100);
}

/// Connects as the server's role; returns the code of the first error, or an empty text.
fn connect(url: &str, statement: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcome = runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        client.simple_query(statement).await
    });
    match outcome {
        Ok(_) => String::new(),
        Err(error) => error.code().map_or("no answer".into(), |code| code.code().into()),
    }
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_cluster_fails_and_returns() {
    let mut database = NodeDatabase::new();
    let url = database.url();
    let insert = "INSERT INTO proofs VALUES (1, '\"\"') ON CONFLICT DO NOTHING";
    assert_eq!(connect(&url, insert), "");
    assert_eq!(connect(&url, "DELETE FROM proofs"), "42501");
    assert_eq!(connect(&url.replace("password", "secret"), insert), "28P01");
    database.set("default_transaction_read_only", "on");
    assert_eq!(connect(&url, insert), "25006");
    database.set("default_transaction_read_only", "off");
    database.sql("ALTER ROLE prover_server CONNECTION LIMIT 0");
    assert_eq!(connect(&url, insert), "53300");
    database.sql("ALTER ROLE prover_server CONNECTION LIMIT -1");
    for end in [crate::support::postgres::Postgres::stop, crate::support::postgres::Postgres::kill] {
        end(&mut database.postgres);
        assert_eq!(connect(&url, insert), "no answer");
        database.postgres.start_again();
        assert_eq!(connect(&url, insert), "");
    }
    assert_eq!(database.count("SELECT count(*) FROM proofs"), 1);

    let proxy = TcpProxy::start(database.postgres.port());
    let through = database.url_at(proxy.port());
    std::thread::scope(|scope| {
        // A backend whose connection was cut sleeps on.
        let cuts: [&dyn Fn(); 2] = [&|| database.disconnect_role(), &|| proxy.cut()];
        for cut in cuts {
            let waits = scope.spawn(|| connect(&through, "SELECT pg_sleep(100)"));
            let running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%sleep(100)' AND usename = 'prover_server'";
            crate::support::until(|| (database.count(running) == 1).then_some(()));
            cut();
            assert_ne!(waits.join().unwrap(), "");
        }
        proxy.set_stalled(true);
        let waits = scope.spawn(|| connect(&through, insert));
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(!waits.is_finished());
        proxy.set_stalled(false);
        assert_eq!(waits.join().unwrap(), "");
    });
    proxy.set_closed(true);
    assert_eq!(connect(&through, insert), "no answer");
}
