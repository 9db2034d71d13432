//! Several servers follow one node and share its blocks.

use serde_json::{Value, json};
use zksync_witness_server::testing::dice::Dice;
use zksync_witness_server::testing::internals::domain::{AggregatedOperation, sample_single_proof};

use crate::support::following::{begun, sealed, serve, wait_for_link};
use crate::support::node_world::{self, Acknowledged, NodeWorld, stored, while_proving};
use crate::support::sealed_chain::Chain;
use crate::support::tcp_proxy::TcpProxy;
use crate::support::{Server, until};

#[test]
#[ignore = "needs PostgreSQL"]
fn proofs_of_another_server_are_taken_over_and_need_no_job() {
    let mut chain = Chain::new(Dice::new(9));
    let database = begun(&chain);
    for number in 1..=6 {
        database.write_block(&sealed(&mut chain, number));
    }
    let proof = |number: u32| {
        let json = serde_json::to_string(&sample_single_proof(&chain.block(number).input, number.into()));
        format!("INSERT INTO proofs VALUES ({number}, '{}')", json.unwrap())
    };
    database.sql(&proof(1));
    database.sql(&proof(2));
    // It is none of block 3.
    database.sql(&proof(4).replacen("(4,", "(3,", 1));
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &database.url(), "0");
    server.wait_for("/blocks/witnessed", 6);
    server.wait_for("/jobs/done", 2);
    server.wait_for("/jobs/idle", 4);
    assert_eq!(server.next_job("prover")["first_block"], 3);
    // A job that exists ends when another server has proven its block.
    let claimed = server.next_job("prover");
    assert_eq!(claimed["first_block"], 4);
    database.sql(&proof(4));
    server.wait_for("/jobs/done", 3);
    let late = json!({
        "job_id": claimed["job_id"], "first_block": 4, "last_block": 4,
        "data": {"BlockProof": sample_single_proof(&chain.block(4).input, 77)},
    });
    server.post("/publish", &late.to_string()).refused(409, "duplicate_key");
    let blocks = (1..=2).map(|number| {
        let block: Value = sealed(&mut Chain::new(Dice::new(9)), number);
        serde_json::from_value(block["block"].clone()).unwrap()
    });
    let operation = AggregatedOperation::CreateProofBlocks { blocks: blocks.collect(), proofs_to_pad: 2 };
    database.write_operation(&operation, false);
    server.wait_for("/jobs/last_aggregated_block", 2);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn an_empty_folder_takes_over_every_proof() {
    let mut world = NodeWorld::new(29);
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let first = node_world::serve(folders[0].path(), &world.database.url());
    world.seal(6);
    let acknowledged = Acknowledged::default();
    while_proving(&first.url, &acknowledged, || world.wait_until_proven());

    // Everything is executed already, and another server begins with genesis.
    let proxy = TcpProxy::start(world.database.postgres.port());
    let server = node_world::serve(folders[1].path(), &world.database.url_at(proxy.port()));
    server.wait_for("/blocks/witnessed", 6);
    let nothing_is_left = |server: &Server, last: u32| {
        let path = format!("/api/v1/aggregated_proofs/{}/{last}", last - 2);
        until(|| (server.get(&path).status == 200).then_some(()));
        server.wait_for("/aggregated_operations/execute_blocks", last.into());
        assert_eq!(server.get("/api/v1/status").json()["jobs"]["pending"], 0);
        assert_eq!(server.get_job("prover")["job_id"], 0);
    };
    nothing_is_left(&server, 6);
    world.assert_rows(stored(&server));

    // Blocks are proven and executed while it does not see the database.
    world.seal(3);
    server.wait_for("/jobs/idle", 3);
    proxy.set_closed(true);
    wait_for_link(&server, "failing", Some("unreachable"));
    while_proving(&first.url, &acknowledged, || world.wait_until_proven());
    proxy.set_closed(false);
    nothing_is_left(&server, 9);
    world.assert_rows(stored(&server));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn servers_with_shares_prove_each_block_once() {
    const BLOCKS: u32 = 12;
    let mut chain = Chain::new(Dice::new(11));
    let database = begun(&chain);
    let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let url = database.url();
    let start = |at: usize| {
        let share = format!("{}/3", at + 1);
        let settings = ["--node", &url, "--from", "0", "--share", &share, "--set", "node_poll=20ms"];
        Server::start(folders[at].path(), &settings)
    };
    let mut servers: Vec<Server> = (0..3).map(start).collect();
    let mut proven = vec![0; BLOCKS as usize + 1];
    for number in 1..=BLOCKS {
        database.write_block(&sealed(&mut chain, number));
        if number == 6 {
            // One dies, and another takes its place with an empty folder.
            servers[1].kill();
            std::fs::remove_dir_all(folders[1].path()).unwrap();
            servers[1] = start(1);
        }
    }
    for (at, server) in servers.iter().enumerate() {
        server.wait_for("/blocks/witnessed", BLOCKS.into());
        for _ in 0..BLOCKS / 3 {
            let job = server.next_job("prover");
            let block = job["first_block"].as_u64().unwrap() as u32;
            assert_eq!(block as usize % 3, at, "the share of server {at}");
            let proof = sample_single_proof(&chain.block(block).input, block.into());
            let message = json!({
                "job_id": job["job_id"], "first_block": block, "last_block": block, "data": {"BlockProof": proof},
            });
            server.post("/publish", &message.to_string()).accepted();
            let row = serde_json::to_string(&proof).unwrap();
            database.sql(&format!("INSERT INTO proofs VALUES ({block}, '{row}') ON CONFLICT DO NOTHING"));
            proven[block as usize] += 1;
        }
        assert_eq!(server.get_job("prover")["job_id"], 0);
    }
    assert_eq!(proven[1..], [1; BLOCKS as usize]);
    // The ranges 1 to 4, 5 to 8 and 9 to 12 belong to the shares of their first blocks.
    for first in [1, 5, 9] {
        let blocks = (first..first + 4).map(|number| chain.block(number).block.clone()).collect();
        let operation = AggregatedOperation::CreateProofBlocks { blocks, proofs_to_pad: 0 };
        database.write_operation(&operation, false);
        let owner = &servers[first as usize % 3];
        let job = owner.next_job("prover");
        assert_eq!((&job["first_block"], &job["last_block"]), (&first.into(), &(first + 3).into()));
        for server in &servers {
            server.wait_for("/aggregated_operations/create_proof_blocks", u64::from(first) + 3);
            assert_eq!(server.get_job("other")["job_id"], 0);
        }
    }
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_folder_takes_another_share() {
    let mut chain = Chain::new(Dice::new(17));
    let database = begun(&chain);
    for number in 1..=6 {
        database.write_block(&sealed(&mut chain, number));
    }
    let folder = tempfile::tempdir().unwrap();
    let url = database.url();
    let witnessed = |share: &str| -> Vec<u32> {
        let settings = ["--node", &url, "--from", "0", "--share", share, "--set", "node_poll=20ms"];
        let server = Server::start(folder.path(), &settings);
        wait_for_link(&server, "following", None);
        server.wait_for("/blocks/witnessed", 6);
        let found = (1..=6).filter(|number| {
            let block = server.get(&format!("/api/v1/blocks?after={}&order=asc&limit=1", number - 1)).json();
            !block["blocks"][0]["witnessed_at_ms"].is_null()
        });
        let found = found.collect();
        assert_eq!(server.terminate(), Some(0));
        found
    };
    assert_eq!(witnessed("1/2"), [2, 4, 6]);
    assert_eq!(witnessed("2/2"), [1, 3, 5]);
    assert_eq!(witnessed("1/1"), [1, 2, 3, 4, 5, 6]);
}
