//! Proofs that are published here appear in the node's tables, after any failure of the database or
//! of this server and after a revert of the chain; provers are served in the meantime.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant, UNIX_EPOCH};

use serde_json::Value;
use zksync_witness_server::testing::Chain;
use zksync_witness_server::testing::dice::Dice;
use zksync_witness_server::testing::internals::crypto::fr;
use zksync_witness_server::testing::internals::domain::SingleProof;

use crate::support::node_database::{NodeDatabase, ROLE};
use crate::support::node_world::{
    Acknowledged, NodeWorld, foreign_proof, prove, serve, stored, while_proving,
};
use crate::support::tcp_proxy::TcpProxy;
use crate::support::{Server, heavy, http, number, run_well, until};

fn link(server: &Server) -> Value {
    server.get("/api/v1/status").json()["node"].clone()
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_published_proof_is_in_the_nodes_table_within_milliseconds() {
    let _heavy = heavy();
    let mut world = NodeWorld::new(1);
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &world.database.url());
    world.seal(60);
    server.wait_for("/blocks/witnessed", 60);
    let acknowledged = Acknowledged::default();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| prove(&server.url, "prover", &acknowledged, &over, Dice::new(1)));
        world.wait_until_proven();
        over.store(true, SeqCst);
    });
    world.assert_rows(stored(&server));

    let rows = world.database.sql("SELECT block_number, extract(epoch FROM created_at) FROM proofs");
    let acknowledged = acknowledged.into_inner().unwrap();
    let mut waits: Vec<f64> = Vec::new();
    for row in rows {
        let block: u32 = row[0].as_ref().unwrap().parse().unwrap();
        let begun: f64 = row[1].as_ref().unwrap().parse().unwrap();
        let published = acknowledged[&(block, block, false)].1.duration_since(UNIX_EPOCH).unwrap();
        waits.push((begun - published.as_secs_f64()) * 1e3);
    }
    waits.sort_by(f64::total_cmp);
    let metrics = http(&server.admin, "GET", "/metrics", None, "").text();
    let of = |name: &str| -> f64 {
        let name = format!("witness_server_node_seconds_{name}{{step=\"hand_back\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
    };
    assert_eq!(of("count"), f64::from(world.head + world.executed / 3));
    println!(
        "from the 200 of publish to the insert of the row, with one prover at work: median {:.1} ms, p95 {:.1} ms, \
         max {:.1} ms; from the stored proof to the answer of the database: mean {:.1} ms",
        waits[waits.len() / 2],
        waits[waits.len() * 95 / 100],
        waits[waits.len() - 1],
        of("sum") / of("count") * 1e3,
    );
}

#[test]
#[ignore = "needs PostgreSQL"]
fn rows_that_are_removed_before_the_next_look_are_written_again() {
    let mut world = NodeWorld::new(7);
    world.seal(4);
    let folder = tempfile::tempdir().unwrap();
    let url = world.database.url();
    // Proofs are written at once, between two looks at the rows.
    let server = Server::start(folder.path(), &["--node", &url, "--from", "0", "--set", "node_poll=4s"]);
    server.wait_for("/blocks/witnessed", 4);
    let written = || (world.database.count("SELECT count(*) FROM proofs") == 4).then_some(());
    while_proving(&server.url, &Acknowledged::default(), || until(written));
    world.database.remove_proofs(0);
    until(written);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn rows_of_other_servers_stand_and_removed_ones_return() {
    let mut world = NodeWorld::new(2);
    let proxy = TcpProxy::start(world.database.postgres.port());
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &world.database.url_at(proxy.port()));
    world.seal(4);
    server.wait_for("/blocks/witnessed", 4);

    // While the link is down, another server writes the proof of block 2.
    proxy.set_closed(true);
    until(|| (link(&server)["phase"] == "failing").then_some(()));
    let acknowledged = Acknowledged::default();
    while_proving(&server.url, &acknowledged, || server.wait_for("/jobs/done", 4));
    until(|| {
        (link(&server)["proofs_pending"] == 4 && !link(&server)["hand_back_fault"].is_null()).then_some(())
    });
    let other = foreign_proof(&world.inputs(2, 2)[0], 99);
    world.database.sql(&format!("INSERT INTO proofs VALUES (2, '{other}')"));
    proxy.set_closed(false);
    until(|| (link(&server)["proofs_pending"] == 0).then_some(()));
    let row = |block: u32| -> Value {
        let rows = world.database.sql(&format!("SELECT proof FROM proofs WHERE block_number = {block}"));
        serde_json::from_str(rows[0][0].as_ref().unwrap()).unwrap()
    };
    for block in 1..=4 {
        let ours = stored(&server)(block, block, false);
        assert_eq!(ours, acknowledged.lock().unwrap()[&(block, block, false)].0);
        assert_eq!(row(block) == ours, block != 2, "{block}");
    }
    assert_eq!(row(2), other);
    let metrics = http(&server.admin, "GET", "/metrics", None, "").text();
    for (outcome, count) in [("written", 3), ("other", 1), ("same", 0)] {
        let line = format!("witness_server_node_handed_back_total{{outcome=\"{outcome}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line}");
    }
    until(|| link(&server)["hand_back_fault"].is_null().then_some(()));

    // The node removes proofs: while the server runs, and while it is stopped.
    let all = || (world.database.count("SELECT count(*) FROM proofs") == 4).then_some(());
    world.database.remove_proofs(1);
    until(all);
    assert_eq!(server.terminate(), Some(0));
    world.database.remove_proofs(0);
    let server = serve(folder.path(), &world.database.url());
    until(all);
    // Now the proof here has no other one before it.
    world.assert_rows(stored(&server));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_missing_permission_delays_one_kind_of_proof_only() {
    let mut world = NodeWorld::new(3);
    world.database.sql(&format!("REVOKE INSERT ON aggregated_proofs FROM {ROLE}"));
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &world.database.url());
    world.seal(6);
    let acknowledged = Acknowledged::default();
    while_proving(&server.url, &acknowledged, || {
        until(|| {
            world.aggregate();
            (world.created == 6).then_some(())
        });
        server.wait_for("/jobs/last_aggregated_block", 6);
        until(|| (link(&server)["hand_back_fault"]["code"] == "permission_missing").then_some(()));
        assert_eq!(http(&server.admin, "GET", "/readyz", None, "").status, 200);
        until(|| (link(&server)["proofs_pending"] == 2).then_some(()));
        world.database.sql(&format!("GRANT INSERT ON aggregated_proofs TO {ROLE}"));
        world.wait_until_proven();
    });
    world.assert_rows(stored(&server));
    until(|| link(&server)["hand_back_fault"].is_null().then_some(()));
}

/// Kills the server at random moments; everything acknowledged is handed back once.
fn survive_kills(rounds: u32) {
    let _heavy = heavy();
    let mut dice = Dice::from_environment("CRASH_SEED");
    let mut world = NodeWorld::new(dice.roll());
    let folder = tempfile::tempdir().unwrap();
    let acknowledged = Acknowledged::default();
    for _ in 0..rounds {
        let mut server = serve(folder.path(), &world.database.url());
        let url = server.url.clone();
        while_proving(&url, &acknowledged, || {
            let end = Instant::now() + Duration::from_millis(dice.between(20, 400));
            while Instant::now() < end {
                world.seal(1);
                world.aggregate();
            }
            server.kill();
        });
    }
    let server = serve(folder.path(), &world.database.url());
    while_proving(&server.url, &acknowledged, || world.wait_until_proven());
    world.assert_rows(stored(&server));
    let acknowledged = acknowledged.into_inner().unwrap();
    for ((first, last, is_aggregated), (proof, _)) in &acknowledged {
        assert_eq!(stored(&server)(*first, *last, *is_aggregated), *proof, "{first} to {last}");
    }
    println!("{rounds} kills, {} blocks, {} acknowledged proofs", world.head, acknowledged.len());
    assert_eq!(server.terminate(), Some(0));
    run_well(&["doctor", "--data-dir", folder.path().to_str().unwrap()]);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn proofs_survive_kills_of_the_server() {
    survive_kills(4);
}

#[test]
#[ignore = "runs for a minute with PostgreSQL"]
fn proofs_survive_25_kills_of_the_server() {
    survive_kills(25);
}

#[test]
#[ignore = "runs for 5 minutes with PostgreSQL"]
fn proofs_survive_300_kills_of_the_server() {
    survive_kills(number("CRASH_ROUNDS", 300));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn provers_are_served_during_20_failures_of_the_database() {
    let _heavy = heavy();
    let mut dice = Dice::from_environment("CRASH_SEED");
    let mut world = NodeWorld::new(dice.roll());
    let proxy = TcpProxy::start(world.database.postgres.port());
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &world.database.url_at(proxy.port()));
    let acknowledged = Acknowledged::default();
    let mut codes: BTreeMap<String, u32> = BTreeMap::new();
    while_proving(&server.url, &acknowledged, || {
        for round in 0..20 {
            world.seal(2);
            world.aggregate();
            server.wait_for("/blocks/head", world.head.into());
            match round % 8 {
                0 => world.database.postgres.stop(),
                1 => world.database.postgres.kill(),
                2 => proxy.set_closed(true),
                3 => proxy.set_stalled(true),
                4 => world.database.set("default_transaction_read_only", "on"),
                5 => {
                    world.database.sql(&format!("ALTER ROLE {ROLE} CONNECTION LIMIT 0"));
                    world.database.disconnect_role();
                }
                6 => drop(world.database.sql(&format!("REVOKE INSERT ON proofs FROM {ROLE}"))),
                _ => proxy.cut(),
            }
            // Stored blocks are proven in any state of the database.
            server.wait_for("/jobs/last_single_block", world.head.into());
            until(|| {
                let jobs = server.get("/api/v1/status").json()["jobs"].clone();
                (jobs["pending"] == 0).then_some(())
            });
            assert_eq!(http(&server.admin, "GET", "/readyz", None, "").status, 200);
            if let Some(code) = link(&server)["hand_back_fault"]["code"].as_str() {
                *codes.entry(code.to_owned()).or_default() += 1;
            }
            // The node reverts blocks meanwhile, or at once when its database runs again.
            let last = world.head.saturating_sub(dice.between(1, 3) as u32);
            if round % 8 > 1 {
                world.revert(last);
            }
            match round % 8 {
                0 | 1 => world.database.postgres.start_again(),
                2 => proxy.set_closed(false),
                3 => proxy.set_stalled(false),
                4 => world.database.set("default_transaction_read_only", "off"),
                5 => drop(world.database.sql(&format!("ALTER ROLE {ROLE} CONNECTION LIMIT -1"))),
                6 => drop(world.database.sql(&format!("GRANT INSERT ON proofs TO {ROLE}"))),
                _ => {}
            }
            if round % 8 < 2 {
                world.revert(last);
            }
        }
        world.wait_until_proven();
        until(|| (link(&server)["proofs_pending"] == 0).then_some(()));
    });
    world.assert_rows(stored(&server));
    for number in 1..=world.head {
        let proof = stored(&server)(number, number, false);
        let proof: SingleProof = serde_json::from_value(proof).unwrap();
        assert_eq!(proof.public_inputs().unwrap(), world.inputs(number, number), "block {number}");
    }
    println!("{} blocks; failures of handing back that were seen: {codes:?}", world.head);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn what_waits_survives_a_restart_without_the_database() {
    let mut world = NodeWorld::new(6);
    let proxy = TcpProxy::start(world.database.postgres.port());
    let folder = tempfile::tempdir().unwrap();
    let url = world.database.url_at(proxy.port());
    let mut server = serve(folder.path(), &url);
    world.seal(3);
    server.wait_for("/blocks/witnessed", 3);
    proxy.set_closed(true);
    let acknowledged: Mutex<_> = Acknowledged::default();
    while_proving(&server.url.clone(), &acknowledged, || server.wait_for("/jobs/done", 3));
    server.kill();
    let server = serve(folder.path(), &url);
    until(|| (link(&server)["phase"] == "failing").then_some(()));
    assert_eq!(link(&server)["proofs_pending"], 3);
    assert_eq!(world.database.count("SELECT count(*) FROM proofs"), 0);
    proxy.set_closed(false);
    until(|| (world.database.count("SELECT count(*) FROM proofs") == 3).then_some(()));
    for ((first, last, is_aggregated), (proof, _)) in acknowledged.into_inner().unwrap() {
        assert_eq!(stored(&server)(first, last, is_aggregated), proof);
    }
}

/// Number of servers that share a node.
const SERVERS: u32 = 3;

fn serve_share(folder: &Path, url: &str, from: &str, share: u32) -> Server {
    let share = format!("{share}/{SERVERS}");
    let more = ["--node", url, "--from", from, "--share", &share, "--witness-generators", "1"];
    Server::start(folder, &[&more[..], &["--set", "node_poll=50ms"]].concat())
}

/// Seals blocks and waits until all are proven, with a prover at each server.
fn prove_further(world: &mut NodeWorld, blocks: u32, servers: &[Server], acknowledged: &[Acknowledged]) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (server, acknowledged) in servers.iter().zip(acknowledged) {
            let over = &over;
            scope.spawn(move || prove(&server.url, "prover", acknowledged, over, Dice::new(1)));
        }
        world.seal(blocks);
        world.wait_until_proven();
        over.store(true, SeqCst);
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn servers_with_shares_hand_back_every_proof_once() {
    let _heavy = heavy();
    let mut world = NodeWorld::new(7);
    let url = world.database.url();
    let folders: Vec<tempfile::TempDir> = (0..=SERVERS).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut servers: Vec<Server> = (1..=SERVERS)
        .zip(&folders)
        .map(|(share, folder)| serve_share(folder.path(), &url, "0", share))
        .collect();
    let acknowledged: Vec<Acknowledged> = (0..SERVERS).map(|_| Acknowledged::default()).collect();
    prove_further(&mut world, 9, &servers, &acknowledged);
    // The server of the share 2/3, which has the aggregated jobs, dies with its folder.
    servers[1].kill();
    servers[1] = serve_share(folders[SERVERS as usize].path(), &url, "verified", 2);
    prove_further(&mut world, 9, &servers, &acknowledged);

    let mut proven = Vec::new();
    for (index, acknowledged) in (0..).zip(acknowledged) {
        for (first, last, is_aggregated) in acknowledged.into_inner().unwrap().into_keys() {
            assert_eq!(first % SERVERS, index, "{first} to {last}");
            proven.push((is_aggregated, first, last));
        }
    }
    proven.sort_unstable();
    let single = (1..=world.head).map(|block| (false, block, block));
    let aggregated = (1..=world.head).step_by(3).map(|first| (true, first, first + 2));
    assert_eq!(proven, single.chain(aggregated).collect::<Vec<_>>());

    // Each server that was there from the start has taken over the proofs of the others.
    for server in [&servers[0], &servers[2]] {
        let path = |first: u32, last: u32, is_aggregated| match is_aggregated {
            true => format!("/api/v1/aggregated_proofs/{first}/{last}"),
            false => format!("/api/v1/blocks/{first}/proof"),
        };
        world.assert_rows(|first, last, is_aggregated| {
            until(|| {
                let answer = server.get(&path(first, last, is_aggregated));
                (answer.status == 200).then(|| answer.json())
            })
        });
    }
}

/// Prints what a server costs the node's database, for `docs/scaling.md`.
#[test]
#[ignore = "runs for a minute with PostgreSQL"]
fn the_load_of_a_block_on_the_database() {
    const BLOCKS: u32 = 200;
    let database = NodeDatabase::with_settings(&["shared_preload_libraries=pg_stat_statements"]);
    database.sql("CREATE EXTENSION pg_stat_statements");
    let mut chain = Chain::with_accounts(64, 16);
    let genesis = serde_json::to_vec(&chain.genesis()).unwrap();
    database.write_genesis(&genesis, &hex::encode(fr::to_bytes(&chain.root())));
    for _ in 0..BLOCKS {
        let block = serde_json::to_value(chain.next_block_of(26, 13)).unwrap();
        database.write_block(&block);
    }
    let load = || -> [f64; 3] {
        let rows = database.sql(&format!(
            "SELECT coalesce(sum(calls), 0), coalesce(sum(rows), 0), coalesce(sum(total_exec_time), 0)
             FROM pg_stat_statements JOIN pg_roles ON pg_roles.oid = userid WHERE rolname = '{ROLE}'"
        ));
        [0, 1, 2].map(|at| rows[0][at].as_ref().unwrap().parse().unwrap())
    };
    let print = |what: &str, from: [f64; 3], to: [f64; 3], of: f64| {
        let [calls, rows, ms] = [0, 1, 2].map(|at| (to[at] - from[at]) / of);
        println!("{what}: {calls:.2} statements, {rows:.1} rows, {ms:.2} ms of the database");
    };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(
        folder.path(),
        &["--node", &database.url(), "--from", "0", "--witness-generators", "2"],
    );
    server.wait_for("/blocks/head", BLOCKS.into());
    let read = load();
    print("to read a stored block of 26 chunks", [0.0; 3], read, BLOCKS.into());
    server.wait_for("/blocks/witnessed", BLOCKS.into());
    let before = load();
    std::thread::sleep(Duration::from_secs(10));
    print("a second without new blocks, node_poll=1s", before, load(), 10.0);
    let before = load();
    let acknowledged = Acknowledged::default();
    let start = Instant::now();
    while_proving(&server.url, &acknowledged, || {
        until(|| (database.count("SELECT count(*) FROM proofs") == i64::from(BLOCKS)).then_some(()));
    });
    println!("{BLOCKS} proofs in {:.1?}", start.elapsed());
    print("to hand back a proof, with the polls meanwhile", before, load(), BLOCKS.into());
}
