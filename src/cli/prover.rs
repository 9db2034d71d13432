//! `prover`: sample provers for a running server.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::error::CliError;
use super::flags;
use super::output::{announced, show};
use super::runtime::runtime;
use super::signals::Signals;
use super::target::Target;
use crate::{
    client::{Client, ProverJob, ProverOptions, Refused, SampleProver, sample_proof},
    config::{Config, parse_duration, parse_duration_or_zero},
};

/// Arguments of `prover`.
#[derive(Debug, Args)]
#[command(args = flags::of_target())]
pub(crate) struct ProverArgs {
    /// Name of the prover; with several, `-1`, `-2`, … is appended
    #[arg(long, value_name = "NAME", default_value = "sample-prover")]
    pub name: String,
    /// Number of provers
    #[arg(short = 'n', long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub count: u32,
    /// Time that a proof takes
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_duration_or_zero)]
    pub prove_time: Duration,
    /// Stop when no job was available for this time [default without a TIME: 2s]
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = "2s", value_parser = parse_duration)]
    pub exit_when_idle: Option<Duration>,
}

/// Runs sample provers until a signal or an option ends them. Their proofs have the right form and
/// public input, and prove nothing.
///
/// # Errors
/// Fails if no server is given, or if it refuses the token.
pub(crate) fn run(args: &ProverArgs, config: &Config) -> Result<(), CliError> {
    let Target::Server(server) = Target::of(config) else {
        return Err(CliError::Usage(
            "a prover works for a running server, and none uses that folder; start one, or pass --url URL"
                .to_owned(),
        ));
    };
    let client = server.client(config)?.with_timeout(config.prover_request_timeout);
    runtime()?.block_on(prove(args, config, &client))
}

async fn prove(args: &ProverArgs, config: &Config, client: &Client) -> Result<(), CliError> {
    let mut signals = Signals::new()?;
    let (stop, stopped) = watch::channel(false);
    let mut provers: JoinSet<Result<u64, Refused>> = JoinSet::new();
    for number in 1..=args.count {
        let name = if args.count == 1 { args.name.clone() } else { format!("{}-{number}", args.name) };
        let options = ProverOptions {
            name,
            heartbeat_interval: config.prover_heartbeat_interval,
            cycle_wait: config.prover_cycle_wait,
            die_after_proof: config.prover_die_after_proof,
            max_idle: args.exit_when_idle,
        };
        let prove_time = args.prove_time;
        let slowly = move |job: &ProverJob| {
            std::thread::sleep(prove_time);
            sample_proof(job)
        };
        let prover = SampleProver::new(client.clone(), options, Arc::new(slowly));
        let stopped = stopped.clone();
        provers.spawn(async move { prover.run(stopped).await });
    }
    let url = client.base_url();
    announced(show(&format!("asking {url} for jobs; the proofs are samples, not cryptographic")));
    let mut proofs = 0;
    loop {
        tokio::select! {
            () = signals.any() => {
                stop.send_replace(true);
            }
            ended = provers.join_next() => match ended {
                Some(Ok(Ok(published))) => proofs += published,
                Some(Ok(Err(refused))) => return Err(CliError::Client(refused.0)),
                Some(Err(panicked)) => return Err(CliError::Failed(panicked.to_string())),
                None => break,
            },
        }
    }
    show(&format!("published {proofs} proofs"))
}
