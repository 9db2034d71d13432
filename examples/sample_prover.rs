//! Runs a prover in a separate process: it claims jobs of a running server, proves them, and
//! publishes the proofs.
//!
//!     API_PROVER_SECRET_AUTH=… cargo run --example sample_prover -- http://127.0.0.1:8088 prover-1
//!
//! Its proofs have the right form and public input, but prove nothing. A real prover replaces one
//! function, `prove`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use zksync_witness_server::client::JobResultData;
use zksync_witness_server::client::{Client, ProverJob, ProverOptions, SampleProver, sample_proof};
use zksync_witness_server::config::{Config, Environment, Flags};

/// Returns the proof of a job; a real prover goes here. Heartbeats are sent while it runs.
fn prove(job: &ProverJob, pretend: Duration) -> anyhow::Result<JobResultData> {
    std::thread::sleep(pretend);
    sample_proof(job)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let mut config = Config::load(None, &Environment::of_process(), &Flags::new())?;
    if let Some(url) = args.next() {
        config.url = url;
    }
    let name = args.next().unwrap_or_else(|| "sample-prover".into());
    let milliseconds =
        |arg: Option<String>| arg.map(|text| text.parse().map(Duration::from_millis)).transpose();
    let pretend = milliseconds(args.next())
        .context("the third argument must be the time that a proof takes, in milliseconds")?;
    let max_idle = milliseconds(args.next())
        .context("the fourth argument must be the time to wait for a job, in milliseconds")?;

    let secret = config.client_secret()?;
    let ca = config.tls_ca.as_deref();
    let client = Client::trusting(ca, &config.url, &secret, config.prover_request_timeout)?;
    let options = ProverOptions {
        name: name.clone(),
        heartbeat_interval: config.prover_heartbeat_interval,
        cycle_wait: config.prover_cycle_wait,
        die_after_proof: config.prover_die_after_proof,
        max_idle,
    };
    println!("{name} asks {} for jobs; its proofs are samples, not cryptographic", config.url);
    let pretend = pretend.unwrap_or_default();
    let prover = SampleProver::new(client, options, Arc::new(move |job: &ProverJob| prove(job, pretend)));

    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        // Without a signal handler the prover cannot be stopped gracefully.
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.send_replace(true);
        }
        std::future::pending::<()>().await;
    });
    let proofs = prover.run(stopped).await?;
    println!("{name} published {proofs} proofs");
    Ok(())
}
