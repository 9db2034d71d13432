//! Permutations and signature checks on one thread.

use std::time::Duration;

use anyhow::ensure;

use super::figure::{Bound, Figure};
use super::options::Options;
use super::timing::{Times, in_turns, time};
use zksync_witness_server::testing::internals::crypto::fr;
use zksync_witness_server::testing::internals::crypto::rescue;
use zksync_witness_server::testing::internals::crypto::rescue::{Engine, State};
use zksync_witness_server::testing::internals::crypto::signature;
use zksync_witness_server::testing::internals::crypto::signature::Claim;
use zksync_witness_server::testing::naive_signature;

/// Number of states in a batch.
pub const STATES: u64 = 1000;
/// Number of signatures checked in one measurement.
const SIGNATURES: u32 = 40;

/// Returns [`STATES`] different states.
pub fn states() -> Vec<State> {
    (0..STATES).map(|i| [3 * i, 3 * i + 1, 3 * i + 2].map(fr::from_u64)).collect()
}

/// Measures batches of [`STATES`] permutations, `repetitions` of them on each core at the same time.
///
/// # Errors
/// Fails if the processor does not support the engine.
pub fn batches_on_all_cores(engine: Engine, repetitions: usize) -> anyhow::Result<Times> {
    let states = states();
    let on_this_core = || (0..repetitions).map(|_| Ok(permute(engine, &states)?.0)).collect();
    let times: Vec<anyhow::Result<Vec<Duration>>> = rayon::broadcast(|_| on_this_core());
    Ok(times.into_iter().collect::<anyhow::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

fn permute(engine: Engine, states: &[State]) -> anyhow::Result<(Duration, Vec<State>)> {
    let mut permuted = states.to_vec();
    let (took, done) = time(|| rescue::permute_batch_by(engine, &mut permuted));
    done?;
    Ok((took, permuted))
}

/// Measures the permutations of each available engine, and signature checks.
///
/// # Errors
/// Fails if two engines, or the two signature checks, disagree.
pub fn run(options: &Options, report: &mut dyn FnMut(Figure)) -> anyhow::Result<()> {
    for (engine, name, least) in [
        (Engine::Ifma, "permutation_ifma", 8.0),
        (Engine::Fma, "permutation_fma", 2.5),
        (Engine::Portable, "permutation_portable", 1.8),
    ] {
        if rescue::is_available(engine) {
            report(permutations(options, engine, name, least)?);
        }
    }
    signatures(options)?.into_iter().for_each(report);
    Ok(())
}

fn permutations(options: &Options, engine: Engine, name: &'static str, least: f64) -> anyhow::Result<Figure> {
    let states = states();
    ensure!(
        permute(engine, &states)?.1 == permute(Engine::Franklin, &states)?.1,
        "{engine:?} and Franklin give different states"
    );
    let (ours, franklin) = in_turns(
        options.scale.repetitions,
        || Ok(permute(engine, &states)?.0),
        || Ok(permute(Engine::Franklin, &states)?.0),
    )?;
    Ok(Figure {
        name,
        what: format!("permutation, batch of {STATES}, one thread, {engine:?}"),
        baseline: "franklin".into(),
        value: ours.faster_than(&franklin),
        unit: "×",
        bound: Bound::AtLeast(least),
        detail: format!("{ours} against {franklin}"),
    })
}

fn signatures(options: &Options) -> anyhow::Result<[Figure; 2]> {
    let signed: Vec<_> = (0..SIGNATURES)
        .map(|n| {
            let key = signature::PrivateKey::from_seed(&n.to_be_bytes());
            let message = [n as u8; 80];
            (key.public_key(), key.sign(&message), message)
        })
        .collect();
    let claims: Vec<Claim<'_>> =
        signed.iter().map(|(pub_key, signature, message)| Claim { pub_key, signature, message }).collect();
    let check = |verify: &dyn Fn() -> Vec<Option<[u8; 20]>>| {
        let (took, keys) = time(verify);
        ensure!(keys.iter().all(Option::is_some), "a valid signature was refused");
        Ok(took)
    };
    let one_by_one =
        |claim: &Claim<'_>| naive_signature::verify(claim.pub_key, claim.signature, claim.message);
    let figure = |name, keys, prepare: &dyn Fn()| -> anyhow::Result<Figure> {
        let (ours, naive) = in_turns(
            options.scale.repetitions,
            || {
                prepare();
                check(&|| signature::verify_batch(&claims))
            },
            || check(&|| claims.iter().map(one_by_one).collect()),
        )?;
        Ok(Figure {
            name,
            what: format!("signature check, batch of {SIGNATURES}, {keys} keys, one thread"),
            baseline: "naive".into(),
            value: ours.faster_than(&naive),
            unit: "×",
            bound: Bound::AtLeast(5.0),
            detail: format!("{ours} against {naive}"),
        })
    };
    Ok([
        figure("signature", "new", &signature::forget_keys)?,
        figure("signature_of_known_key", "known", &|| ())?,
    ])
}
