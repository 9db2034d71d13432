//! Servers that follow the database of a node, and the chains that the tests write into it.

use std::path::Path;

use serde_json::Value;

use crate::support::node_database::NodeDatabase;
use crate::support::sealed_chain::Chain;
use crate::support::{Server, until};

/// Starts a server that follows a database and begins with the state of a block.
pub fn serve(folder: &Path, url: &str, from: &str) -> Server {
    Server::start(folder, &["--node", url, "--from", from, "--set", "node_poll=20ms"])
}

/// Waits until the link has this phase and, if it failed, this code.
pub fn wait_for_link(server: &Server, phase: &str, code: Option<&str>) {
    until(|| {
        let node = &server.get("/api/v1/status").json()["node"];
        (node["phase"] == phase && node["fault"]["code"].as_str() == code).then_some(())
    });
}

/// Seals the chain up to a block, and returns it.
pub fn sealed(chain: &mut Chain, number: u32) -> Value {
    chain.extend_to(number);
    serde_json::from_slice(&chain.block(number).json).unwrap()
}

/// Returns a database with the genesis of a chain.
pub fn begun(chain: &Chain) -> NodeDatabase {
    let database = NodeDatabase::new();
    database.write_genesis(&chain.genesis_json, &hex::encode(chain.root(0)));
    database
}
