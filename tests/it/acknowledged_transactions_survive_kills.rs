//! A devnet under traffic is killed (SIGKILL) and restarted on the same folder, many times. Every
//! transaction whose hash was returned is executed once, and those of an account in the order in
//! which they were sent.
//!
//! `CRASH_SEED` repeats the random choices, but not the order in which threads run; `CRASH_ROUNDS`
//! is the number of rounds of the long form.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use zksync_witness_server::testing::dice::Dice;
use zksync_witness_server::testing::internals::devnet::RequestSigner;

use crate::support::{Devnet, heavy, number, until};

/// Number of accounts that send at the same time.
const SENDERS: u32 = 4;
/// Recipients: the first transfer to each creates its account.
const RECIPIENTS: usize = 40;

/// An account that sends, and what was acknowledged.
struct Sender {
    signer: RequestSigner,
    id: u32,
    /// Hashes in the order of their nonces.
    acknowledged: Vec<String>,
    nonce: u32,
}

impl Sender {
    /// Sets the signing key of a new chain.
    fn new(devnet: &Devnet, index: u32) -> Self {
        let signer = RequestSigner::funded(index);
        let authorization = json!({"account": signer.address(), "nonce": 0, "pubKeyHash": signer.key_hash()});
        devnet.own("authorizations", &authorization).accepted();
        let mut sender = Self { id: index + 1, signer, acknowledged: Vec::new(), nonce: 0 };
        let params = sender.signer.set_key(sender.id, 0);
        let hash = devnet.call("tx_submit", params)["result"].as_str().unwrap().to_owned();
        until(|| is_successful(devnet, &hash).then_some(()));
        sender.acknowledged.push(hash);
        sender.nonce = 1;
        sender
    }

    /// Sends one transfer after another until the devnet is gone.
    fn send(&mut self, devnet: &str, dice: &mut Dice, gone: &AtomicBool) {
        while !gone.load(Ordering::SeqCst) {
            let mut to = [0xb0; 20];
            to[19] = dice.below(RECIPIENTS) as u8;
            let params = self.signer.transfer(self.id, to, 1, self.nonce);
            let Some(answer) = crate::support::try_call(devnet, "tx_submit", &params) else { return };
            let hash = answer["result"].as_str().unwrap_or_else(|| panic!("{answer}"));
            self.acknowledged.push(hash.to_owned());
            self.nonce += 1;
        }
    }

    /// Checks that everything acknowledged is executed, and resumes after what the kill left
    /// unacknowledged.
    fn settle(&mut self, devnet: &Devnet) {
        for hash in &self.acknowledged {
            assert!(is_successful(devnet, hash), "{hash} of account {}: {}", self.id, info(devnet, hash));
        }
        let account = devnet.call("account_info", json!([self.signer.address()]));
        let nonce = account["result"]["committed"]["nonce"].as_u64().unwrap() as u32;
        let unacknowledged = nonce - self.acknowledged.len() as u32;
        assert!(unacknowledged <= 1, "{unacknowledged} unacknowledged transactions were executed");
        let history = history(devnet, &self.signer.address());
        assert_eq!(history.len() as u32, nonce);
        assert_eq!(history.iter().collect::<HashSet<_>>().len(), history.len());
        // Nonces order the transactions of an account, so the order is that of the acknowledgements.
        assert_eq!(history[..self.acknowledged.len()], self.acknowledged);
        self.acknowledged = history;
        self.nonce = nonce;
    }
}

fn info(devnet: &Devnet, hash: &str) -> Value {
    devnet.call("tx_info", json!([hash]))["result"].clone()
}

fn is_successful(devnet: &Devnet, hash: &str) -> bool {
    info(devnet, hash)["success"] == true
}

/// Hashes of all transactions of an account, in the order of execution.
fn history(devnet: &Devnet, address: &str) -> Vec<String> {
    let mut hashes: Vec<String> = Vec::new();
    let mut from = "latest".to_owned();
    loop {
        let path = format!("/accounts/{address}/transactions?from={from}&limit=100&direction=older");
        let page = devnet.get(&path)["result"]["list"].clone();
        let page = page.as_array().unwrap();
        let more = page.iter().map(|tx| tx["txHash"].as_str().unwrap().replace("0x", "sync-tx:"));
        // A page begins with the requested transaction.
        hashes.extend(more.skip(usize::from(!hashes.is_empty())));
        if page.len() < 100 {
            hashes.reverse();
            return hashes;
        }
        from = hashes.last().unwrap().clone();
    }
}

fn start(folder: &Path) -> Devnet {
    Devnet::start(&["--data-dir", folder.to_str().unwrap(), "--finality", "instant", "--provers", "1"])
}

fn survive(rounds: u32) {
    let _heavy = heavy();
    let mut dice = Dice::from_environment("CRASH_SEED");
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("data");
    let mut devnet = start(&folder);
    let mut senders: Vec<Sender> = (0..SENDERS).map(|index| Sender::new(&devnet, index)).collect();
    for round in 1..=rounds {
        let gone = AtomicBool::new(false);
        let time = Duration::from_millis(50 + dice.below(600) as u64);
        let rpc = devnet.rpc.clone();
        std::thread::scope(|scope| {
            for sender in &mut senders {
                let (rpc, gone, mut dice) = (&rpc, &gone, dice.fork());
                scope.spawn(move || sender.send(rpc, &mut dice, gone));
            }
            std::thread::sleep(time);
            devnet.kill();
            gone.store(true, Ordering::SeqCst);
        });
        devnet = start(&folder);
        until(|| (devnet.get("/networkStatus")["result"]["mempoolSize"] == 0).then_some(()));
        senders.iter_mut().for_each(|sender| sender.settle(&devnet));
        let sent: u32 = senders.iter().map(|sender| sender.nonce).sum();
        println!("round {round}: killed after {} ms, {sent} transactions executed once", time.as_millis());
    }
}

#[test]
fn acknowledged_transactions_survive_3_kills() {
    survive(3);
}

#[test]
#[ignore = "long: 25 kills take a minute"]
fn acknowledged_transactions_survive_25_kills() {
    survive(number("CRASH_ROUNDS", 25));
}
