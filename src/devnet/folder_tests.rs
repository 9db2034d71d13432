//! Tests of folders that a devnet continues: forks, and its own.

use std::path::Path;

use super::fork::ForkError;
use super::load::LoadError;
use super::options::DevnetOptions;
use super::start::{DevnetError, start};
use super::testing::{STRANGER, balance, config, deposit, open, options, until, wallets};

const ETH: u128 = 10u128.pow(18);

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_continues_a_chain_and_funds_the_accounts() {
    let folder = tempfile::tempdir().unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample-chain");
    let fork = DevnetOptions { fork_from: Some(sample), ..options() };
    let devnet = open(folder.path(), fork.clone()).await;
    let begun = devnet.read(|ledger| ledger.last_sealed());
    assert!(begun > 8);
    devnet.read(|ledger| assert!(ledger.block(8).unwrap().transactions.len() > 1));
    assert_eq!(balance(&devnet, wallets()[2].address), 100 * ETH);
    devnet.deposit(deposit(STRANGER, 1)).await.unwrap();
    assert_eq!(devnet.seal_now().await.unwrap(), Some(begun + 1));
    until(&devnet, |ledger| ledger.last_final() == begun + 1).await;
    devnet.reset().await.unwrap();
    assert_eq!(devnet.read(|ledger| ledger.last_sealed()), begun);
    assert_eq!((balance(&devnet, STRANGER), balance(&devnet, wallets()[2].address)), (0, 100 * ETH));
    devnet.stop().await;
    let again = start(&config(), folder.path(), fork).await;
    assert!(matches!(again, Err(DevnetError::NotEmpty)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_of_a_chain_that_cannot_be_proven_is_refused() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample-chain");
    let chain = tempfile::tempdir().unwrap();
    std::fs::create_dir(chain.path().join("blocks")).unwrap();
    for name in ["genesis.json", "blocks/000001.json", "blocks/000002.json"] {
        std::fs::copy(sample.join(name), chain.path().join(name)).unwrap();
    }
    let second = chain.path().join("blocks/000002.json");
    let mut block: serde_json::Value = serde_json::from_slice(&std::fs::read(&second).unwrap()).unwrap();
    block["block"]["block_commitment"] = format!("0x{}", "7".repeat(64)).into();
    std::fs::write(&second, block.to_string()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let fork = DevnetOptions { fork_from: Some(chain.path().to_owned()), ..options() };
    let refused = start(&config(), folder.path(), fork).await;
    let Err(DevnetError::Fork(error)) = refused else { panic!() };
    let is_second = |path: &Path| path == second;
    assert!(matches!(&error, ForkError::Quarantined { path, .. } if is_second(path)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_block_needs_the_sizes_with_which_it_was_begun() {
    let folder = tempfile::tempdir().unwrap();
    let devnet = open(folder.path(), options()).await;
    for _ in 0..5 {
        devnet.deposit(deposit(STRANGER, 1)).await.unwrap();
    }
    until(&devnet, |ledger| ledger.waiting_priority_ops().count() == 0).await;
    devnet.stop().await;
    // Each deposit takes 6 chunks.
    let smaller = DevnetOptions { block_sizes: vec![26], ..options() };
    let refused = start(&config(), folder.path(), smaller.clone()).await;
    let Err(DevnetError::Load(error)) = refused else { panic!() };
    assert!(matches!(error, LoadError::SmallerBlocks { block: 1 }), "{error}");
    let devnet = open(folder.path(), options()).await;
    assert_eq!(devnet.seal_now().await.unwrap(), Some(1));
    devnet.stop().await;
    let devnet = open(folder.path(), smaller).await;
    assert_eq!(balance(&devnet, STRANGER), 5);
    devnet.stop().await;
}
