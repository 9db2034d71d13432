//! The load on a devnet: transfers over JSON-RPC from several accounts at once, signed before, while
//! the devnet seals, witnesses and proves its blocks.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use zksync_witness_server::client::{Client, Credentials};
use zksync_witness_server::testing::internals::devnet::RequestSigner;

/// Address that receives all transfers.
const RECIPIENT: [u8; 20] = [0x77; 20];
/// Longest wait for an answer, and for the preparation of an account.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Delay between two looks at a state.
const LOOK: Duration = Duration::from_millis(20);

/// Options of the load.
#[derive(Debug, Clone)]
pub struct DevnetOptions {
    /// Number of accounts that send, each over a connection of its own.
    pub senders: u32,
    /// Number of transfers of each.
    pub transfers: u32,
    /// The `witness-server` binary.
    pub server: PathBuf,
}

/// The results.
#[derive(Debug, Clone, Serialize)]
pub struct DevnetReport {
    /// Number of accounts that sent.
    pub senders: u32,
    /// Number of transfers.
    pub transfers: u64,
    /// Transfers that were acknowledged in a second, with signature checks and durable.
    pub acknowledged_per_s: f64,
    /// Transfers that were executed in a second, from the first submission to the last execution.
    pub executed_per_s: f64,
    /// Transfers whose blocks were proven and final in a second.
    pub final_per_s: f64,
    /// Sealed blocks.
    pub blocks: u64,
}

impl fmt::Display for DevnetReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { senders, transfers, acknowledged_per_s, executed_per_s, final_per_s, blocks } = self;
        writeln!(f, "{transfers} transfers from {senders} accounts over JSON-RPC, {blocks} blocks")?;
        writeln!(f, "acknowledged  {acknowledged_per_s:8.0} / s")?;
        writeln!(f, "executed      {executed_per_s:8.0} / s")?;
        write!(f, "final         {final_per_s:8.0} / s")
    }
}

/// A running devnet, which is killed on drop.
struct Devnet {
    child: Child,
    rpc: Client,
    rest: Client,
}

impl Devnet {
    fn start(options: &DevnetOptions) -> anyhow::Result<Self> {
        let free = ["--listen", "--admin-listen", "--rpc-listen", "--rest-listen"];
        let mut command = Command::new(&options.server);
        command.arg("devnet").args(free.iter().flat_map(|name| [*name, "127.0.0.1:0"]));
        command.args(["--finality", "proof", "--mempool-limit", "1000000"]);
        command.arg(format!("--accounts={}", options.senders));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let output = child.stdout.take().context("the devnet has no standard output")?;
        let mut reader = BufReader::new(output);
        let (mut printed, mut line) = (String::new(), String::new());
        while line.trim() != "ready" {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                bail!("the devnet did not start:\n{printed}");
            }
            printed.push_str(&line);
        }
        std::thread::spawn(move || reader.read_to_end(&mut Vec::new()));
        let client = |name: &str| -> anyhow::Result<Client> {
            let line = printed.lines().find(|line| line.starts_with(name));
            let url =
                line.and_then(|line| line.split_whitespace().nth(1)).context("an address is missing")?;
            Ok(Client::new(url.trim_end_matches("/api/v0.2"), Credentials::Anonymous, TIMEOUT)?)
        };
        Ok(Self { rpc: client("JSON-RPC")?, rest: client("REST")?, child })
    }

    async fn own(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let answer = self.rest.post(&format!("/devnet/{path}"), body).await?.success()?;
        Ok(serde_json::from_slice(&answer)?)
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        // The process may have ended by itself, so errors are ignored.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn call(rpc: &Client, method: &str, params: &Value) -> anyhow::Result<Value> {
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let answer: Value = serde_json::from_slice(&rpc.post("/", &request).await?.success()?)?;
    ensure!(answer.get("error").is_none(), "{method}: {}", answer["error"]);
    Ok(answer["result"].clone())
}

/// Waits until a state of an account has a value.
async fn wait_for(rpc: &Client, signer: &RequestSigner, pointer: &str, value: u64) -> anyhow::Result<()> {
    loop {
        let account = call(rpc, "account_info", &json!([signer.address()])).await?;
        if account.pointer(pointer).and_then(Value::as_u64).is_some_and(|found| found >= value) {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Sets the keys of the accounts.
async fn prepare(devnet: &Devnet, signers: &[RequestSigner]) -> anyhow::Result<()> {
    for (id, signer) in (1..).zip(signers) {
        let key = json!({"account": signer.address(), "nonce": 0, "pubKeyHash": signer.key_hash()});
        devnet.own("authorizations", &key).await?;
        call(&devnet.rpc, "tx_submit", &signer.set_key(id, 0)).await?;
    }
    for signer in signers {
        wait_for(&devnet.rpc, signer, "/committed/nonce", 1).await?;
    }
    Ok(())
}

/// Runs the load.
///
/// # Errors
/// Fails if the devnet does not start or refuses a transfer.
pub fn run(options: &DevnetOptions) -> anyhow::Result<DevnetReport> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting a runtime")?;
    runtime.block_on(load(options))
}

async fn load(options: &DevnetOptions) -> anyhow::Result<DevnetReport> {
    let devnet = Devnet::start(options)?;
    let signers: Vec<RequestSigner> = (0..options.senders).map(RequestSigner::funded).collect();
    prepare(&devnet, &signers).await?;
    let signed: Vec<Vec<Value>> = (1..)
        .zip(&signers)
        .map(|(id, signer)| {
            (1..=options.transfers).map(|nonce| signer.transfer(id, RECIPIENT, 1, nonce)).collect()
        })
        .collect();

    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for transfers in signed {
        let rpc = devnet.rpc.with_own_connections();
        tasks.spawn(async move {
            for transfer in transfers {
                call(&rpc, "tx_submit", &transfer).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let acknowledged = begin.elapsed();
    let last = u64::from(options.transfers) + 1;
    for signer in &signers {
        wait_for(&devnet.rpc, signer, "/committed/nonce", last).await?;
    }
    let executed = begin.elapsed();
    for signer in &signers {
        wait_for(&devnet.rpc, signer, "/verified/nonce", last).await?;
    }
    let last_final = begin.elapsed();
    let status = devnet.rest.get("/api/v0.2/networkStatus").await?.success()?;
    let status: Value = serde_json::from_slice(&status)?;
    let transfers = u64::from(options.transfers) * u64::from(options.senders);
    let rate = |time: Duration| transfers as f64 / time.as_secs_f64();
    Ok(DevnetReport {
        senders: options.senders,
        transfers,
        acknowledged_per_s: rate(acknowledged),
        executed_per_s: rate(executed),
        final_per_s: rate(last_final),
        blocks: status["result"]["lastCommitted"].as_u64().unwrap_or_default(),
    })
}
