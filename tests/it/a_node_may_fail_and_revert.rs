//! After any failure of a node or its database, the server has the node's chain in the end, and
//! provers are served in the meantime.

use serde_json::Value;
use zksync_witness_server::testing::dice::Dice;
use zksync_witness_server::testing::internals::domain::AggregatedOperation;

use crate::support::following::{begun, sealed, serve, wait_for_link};
use crate::support::node_database::NodeDatabase;
use crate::support::node_world::{Acknowledged, while_proving};
use crate::support::sealed_chain::Chain;
use crate::support::tcp_proxy::TcpProxy;
use crate::support::{Server, http, number, run_well, until};

#[test]
#[ignore = "needs PostgreSQL"]
fn provers_are_served_while_the_database_is_away() {
    let mut database = NodeDatabase::new();
    database.load("chain_mixed");
    let proxy = TcpProxy::start(database.postgres.port());
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &database.url_at(proxy.port()), "verified");
    server.wait_for("/blocks/witnessed", 8);
    type Change<'a> = (&'a str, &'a dyn Fn(&NodeDatabase), &'a dyn Fn(&NodeDatabase));
    let none: &dyn Fn(&NodeDatabase) = &|_| {};
    let role = |statement: &'static str| move |database: &NodeDatabase| drop(database.sql(statement));
    let limited = role("ALTER ROLE prover_server CONNECTION LIMIT 0");
    let unlimited = role("ALTER ROLE prover_server CONNECTION LIMIT -1");
    let other_password = role("ALTER ROLE prover_server PASSWORD 'other'");
    let password = role("ALTER ROLE prover_server PASSWORD 'password of the tests'");
    let revoked = role("REVOKE SELECT ON blocks FROM prover_server");
    let granted = role("GRANT SELECT ON blocks TO prover_server");
    let renamed = role("ALTER TABLE proofs RENAME COLUMN proof TO evidence");
    let named = role("ALTER TABLE proofs RENAME COLUMN evidence TO proof");
    let changes: [Change<'_>; 5] = [
        ("too_many_connections", &limited, &unlimited),
        ("authentication_refused", &other_password, &password),
        ("permission_missing", &revoked, &granted),
        ("other_schema", &renamed, &named),
        ("unreachable", none, none),
    ];
    for (code, change, back) in changes {
        change(&database);
        if code == "unreachable" {
            database.postgres.kill();
        }
        proxy.cut();
        wait_for_link(&server, "failing", Some(code));
        let job = server.next_job("prover");
        assert!(job["job_id"].as_u64().unwrap() > 0, "{code}");
        let stopped = r#""prover""#;
        assert_eq!(server.post("/stopped", stopped).status, 200, "{code}");
        let ready = http(&server.admin, "GET", "/readyz", None, "");
        assert_eq!(ready.status, 200, "{code}");
        let metrics = http(&server.admin, "GET", "/metrics", None, "").text();
        assert!(metrics.contains("\nwitness_server_node_up 0\n"), "{code}");
        let explained = server.get("/api/v1/blocks/9/explain").json();
        assert!(explained["text"].as_str().unwrap().contains("not followed"), "{explained}");
        if code == "unreachable" {
            database.postgres.start_again();
        }
        back(&database);
        wait_for_link(&server, "following", None);
    }
    let shown = server.get("/api/v1/status").text();
    assert!(!shown.contains("password"), "{shown}");
}

/// `NODE_ROUNDS=20` is the long form.
#[test]
#[ignore = "needs PostgreSQL"]
fn reverts_kills_and_outages_end_at_the_chain_of_the_node() {
    let mut dice = Dice::new(number("NODE_SEED", 3).into());
    let mut chain = Chain::new(dice.fork());
    let mut database = begun(&chain);
    let proxy = TcpProxy::start(database.postgres.port());
    let folder = tempfile::tempdir().unwrap();
    let url = database.url_at(proxy.port());
    let mut server = serve(folder.path(), &url, "0");
    let mut head = 0;
    for round in 0..number("NODE_ROUNDS", 6) {
        let last = head + dice.between(2, 5) as u32;
        for number in head + 1..=last {
            database.write_block(&sealed(&mut chain, number));
        }
        head = last;
        if dice.below(2) == 0 {
            server.wait_for("/blocks/head", head.into());
        }
        match round % 4 {
            0 => proxy.cut(),
            1 => {
                database.postgres.kill();
                std::thread::sleep(std::time::Duration::from_millis(100));
                database.postgres.start_again();
            }
            2 => {
                server.kill();
                server = serve(folder.path(), &url, "0");
            }
            _ => database.disconnect_role(),
        }
        let to = head - dice.between(1, head.min(6).into()) as u32;
        chain.branch_off(to);
        let again = to + dice.between(1, 4) as u32;
        let blocks: Vec<Value> = (to + 1..=again).map(|number| sealed(&mut chain, number)).collect();
        database.revert_blocks(to);
        blocks.iter().for_each(|block| database.write_block(block));
        head = again;
    }
    let listed = |number: u32| server.get(&format!("/api/v1/blocks?after={}&order=asc&limit=1", number - 1));
    let is_that_of_the_node = |number: u32| {
        listed(number).json()["blocks"][0]["root"] == format!("0x{}", hex::encode(chain.root(number)))
    };
    until(|| is_that_of_the_node(head).then_some(()));
    server.wait_for("/blocks/witnessed", head.into());
    server.wait_for("/blocks/head", head.into());
    for number in 1..=head {
        assert!(is_that_of_the_node(number), "block {number} of {head}: {}", listed(number).text());
    }
    assert_eq!(server.terminate(), Some(0));
    run_well(&["doctor", "--data-dir", folder.path().to_str().unwrap()]);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_revert_beyond_the_history_stops_following_and_keeps_serving() {
    let mut chain = Chain::new(Dice::new(5));
    let database = begun(&chain);
    for number in 1..=12 {
        database.write_block(&sealed(&mut chain, number));
    }
    let folder = tempfile::tempdir().unwrap();
    let url = database.url();
    let settings = ["--node", &url, "--from", "0", "--set", "node_poll=20ms", "--set", "history=4"];
    let server = Server::start(folder.path(), &settings);
    server.wait_for("/blocks/witnessed", 12);
    chain.branch_off(2);
    let block = sealed(&mut chain, 3);
    database.revert_blocks(2);
    database.write_block(&block);
    wait_for_link(&server, "stopped", Some("beyond_history"));
    assert_eq!(server.get("/api/v1/status").json()["blocks"]["head"], 12);
    server.next_job("prover");
}

#[test]
#[ignore = "needs PostgreSQL"]
fn operations_that_the_node_removes_no_longer_count() {
    let mut chain = Chain::new(Dice::new(13));
    let database = begun(&chain);
    for number in 1..=6 {
        database.write_block(&sealed(&mut chain, number));
    }
    let create = |first: u32, last: u32| operation(&chain, "CreateProofBlocks", first, last);
    database.write_operation(&operation(&chain, "ExecuteBlocks", 1, 1), true);
    database.write_operation(&create(1, 2), false);
    database.write_operation(&create(3, 4), false);
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &database.url(), "0");
    let last = "/aggregated_operations/create_proof_blocks";
    server.wait_for(last, 4);
    database.remove_proofs(2);
    server.wait_for(last, 2);
    database.write_operation(&create(3, 6), false);
    server.wait_for(last, 6);
    assert_eq!(server.terminate(), Some(0));
    run_well(&["doctor", "--data-dir", folder.path().to_str().unwrap()]);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn proofs_that_the_node_removes_are_aggregated_again_by_its_new_ranges() {
    for is_seen in [true, false] {
        let mut chain = Chain::new(Dice::new(29));
        let database = begun(&chain);
        for number in 1..=8 {
            database.write_block(&sealed(&mut chain, number));
        }
        database.write_operation(&operation(&chain, "CreateProofBlocks", 1, 4), false);
        database.write_operation(&operation(&chain, "CreateProofBlocks", 5, 8), false);
        let folder = tempfile::tempdir().unwrap();
        let mut server = serve(folder.path(), &database.url(), "0");
        prove_until(&server, &database, &[(1, 4), (5, 8)]);
        let split = || {
            database.write_operation(&operation(&chain, "CreateProofBlocks", 5, 6), false);
            database.write_operation(&operation(&chain, "CreateProofBlocks", 7, 8), false);
        };
        if is_seen {
            database.remove_proofs(4);
            server.wait_for("/aggregated_operations/create_proof_blocks", 4);
            split();
        } else {
            // The server sees the new operations at once, one of which begins as the old one did.
            assert_eq!(server.terminate(), Some(0));
            database.remove_proofs(4);
            split();
            server = serve(folder.path(), &database.url(), "0");
        }
        prove_until(&server, &database, &[(5, 6), (7, 8)]);
        assert_eq!(server.terminate(), Some(0));
        run_well(&["doctor", "--data-dir", folder.path().to_str().unwrap()]);
    }
}

#[test]
#[ignore = "needs PostgreSQL"]
fn an_operation_that_a_revert_cut_is_followed_once_its_blocks_are_back() {
    let mut chain = Chain::new(Dice::new(31));
    let database = begun(&chain);
    for number in 1..=8 {
        database.write_block(&sealed(&mut chain, number));
    }
    database.write_operation(&operation(&chain, "CreateProofBlocks", 1, 4), false);
    database.write_operation(&operation(&chain, "CreateProofBlocks", 5, 8), false);
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &database.url(), "0");
    let last = "/aggregated_operations/create_proof_blocks";
    server.wait_for(last, 8);
    database.revert_blocks(5);
    server.wait_for("/blocks/head", 5);
    server.wait_for(last, 4);
    std::thread::sleep(std::time::Duration::from_millis(200));
    for number in 6..=8 {
        database.write_block(&sealed(&mut chain, number));
    }
    database.write_operation(&operation(&chain, "CreateProofBlocks", 6, 8), false);
    server.wait_for(last, 8);
    prove_until(&server, &database, &[(1, 4), (5, 8)]);
    // A new session finds the cut row again, and keeps the operation.
    database.disconnect_role();
    wait_for_link(&server, "following", None);
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(server.get("/api/v1/status").json()["aggregated_operations"]["create_proof_blocks"], 8);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn executions_that_the_node_removes_no_longer_count() {
    let mut chain = Chain::new(Dice::new(37));
    let database = begun(&chain);
    for number in 1..=8 {
        database.write_block(&sealed(&mut chain, number));
    }
    for (action, first, last, confirmed) in [
        ("CommitBlocks", 1, 3, true),
        ("CommitBlocks", 4, 8, false),
        ("ExecuteBlocks", 1, 3, true),
        ("ExecuteBlocks", 4, 4, false),
    ] {
        database.write_operation(&operation(&chain, action, first, last), confirmed);
    }
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &database.url(), "0");
    let [committed, verified] =
        ["commit_blocks", "execute_blocks"].map(|name| format!("/aggregated_operations/{name}"));
    server.wait_for(&verified, 4);
    server.wait_for(&committed, 8);
    database.remove_proofs(3);
    server.wait_for(&verified, 3);
    server.wait_for(&committed, 3);
    // Block 4 counted as verified, and had neither a witness nor a proof.
    server.wait_for("/blocks/witnessed", 8);
    assert!(server.get("/api/v1/blocks/4/witness").status == 200);
    for (first, last) in [(4, 6), (7, 8)] {
        database.write_operation(&operation(&chain, "ExecuteBlocks", first, last), true);
    }
    server.wait_for(&verified, 8);
    assert_eq!(server.terminate(), Some(0));
    run_well(&["doctor", "--data-dir", folder.path().to_str().unwrap()]);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_block_with_another_commitment_is_quarantined_and_shown() {
    let mut chain = Chain::new(Dice::new(19));
    let database = begun(&chain);
    for number in 1..=3 {
        database.write_block(&sealed(&mut chain, number));
    }
    // Null counts as 0, which is not the time that the commitment has.
    database.sql("UPDATE blocks SET timestamp = NULL WHERE number = 2");
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &database.url(), "0");
    server.wait_for("/blocks/head", 3);
    server.wait_for("/blocks/witnessed", 1);
    let status = server.get("/api/v1/status").json();
    assert_eq!(status["blocks"]["quarantined"][0]["block"], 2);
    // Operations and updates that disagree are refused, and imported once they agree.
    let block = sealed(&mut chain, 4);
    database.write_pending(&block);
    database.sql("UPDATE account_balance_updates SET new_nonce = new_nonce + 1 WHERE block_number = 4");
    database.finish_block(&block);
    wait_for_link(&server, "failing", Some("block_refused"));
    database.sql("UPDATE account_balance_updates SET new_nonce = new_nonce - 1 WHERE block_number = 4");
    server.wait_for("/blocks/head", 4);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_block_that_is_refused_is_tried_less_and_less_often() {
    let mut chain = Chain::new(Dice::new(41));
    let database = begun(&chain);
    let block = sealed(&mut chain, 1);
    database.write_pending(&block);
    database.sql("UPDATE account_balance_updates SET new_nonce = new_nonce + 1 WHERE block_number = 1");
    database.finish_block(&block);
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &database.url(), "0");
    wait_for_link(&server, "failing", Some("block_refused"));
    let sessions = || database.count("SELECT sum(sessions)::bigint FROM pg_stat_database");
    let before = sessions();
    std::thread::sleep(std::time::Duration::from_secs(4));
    // Delays from 100 ms on that double: six attempts, and what runs beside them.
    let opened = sessions() - before;
    assert!(opened < 14, "{opened}");
    database.sql("UPDATE account_balance_updates SET new_nonce = new_nonce - 1 WHERE block_number = 1");
    server.wait_for("/blocks/head", 1);
}

/// Returns an operation over blocks of a chain.
fn operation(chain: &Chain, action: &str, first: u32, last: u32) -> AggregatedOperation {
    let blocks = (first..=last).map(|number| chain.block(number).block.clone()).collect();
    match action {
        "CommitBlocks" => {
            let last_committed_block = chain.block(first).block.clone();
            AggregatedOperation::CommitBlocks { last_committed_block, blocks }
        }
        "CreateProofBlocks" => AggregatedOperation::CreateProofBlocks { blocks, proofs_to_pad: 0 },
        "ExecuteBlocks" => AggregatedOperation::ExecuteBlocks { blocks },
        other => panic!("{other}"),
    }
}

/// Proves until the node's table has the aggregated proofs of these ranges.
fn prove_until(server: &Server, database: &NodeDatabase, ranges: &[(u32, u32)]) {
    while_proving(&server.url, &Acknowledged::default(), || {
        for (first, last) in ranges {
            let range = format!("first_block = {first} AND last_block = {last}");
            let count = format!("SELECT count(*) FROM aggregated_proofs WHERE {range}");
            until(|| (database.count(&count) == 1).then_some(()));
        }
    });
}
