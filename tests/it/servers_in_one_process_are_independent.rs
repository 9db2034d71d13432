//! Several servers in one test: each has its own folder, addresses, clock and metrics, and stops
//! when it is dropped.

use std::time::Duration;

use zksync_witness_server::client::{Client, Credentials};
use zksync_witness_server::testing::internals::store::{Store, StoreError, StoreOptions, wait_until_closed};
use zksync_witness_server::testing::{Chain, TestServer};

async fn metrics(server: &TestServer) -> String {
    let url = format!("http://{}", server.admin_address());
    let client = Client::new(&url, Credentials::Anonymous, Duration::from_secs(60)).unwrap();
    let text = client.get("/metrics").await.unwrap().success().unwrap();
    String::from_utf8(text.to_vec()).unwrap()
}

#[tokio::test]
async fn each_server_has_its_own_counters_and_its_own_clock() {
    let mut chain = Chain::with_accounts(8, 2);
    let (genesis, block) = (chain.genesis(), chain.next_block(4));
    let [one, other] = [(); 2].map(|()| TestServer::builder().manual_clock());
    let (one, other) = (one.start().await, other.start().await);
    for server in [&one, &other] {
        server.import_genesis(&genesis).await;
        server.import_block(&block).await;
        server.wait_until(|status| status.jobs.idle == 1).await;
        assert_eq!(server.claim("silent").await, Some(1));
    }
    one.advance(Duration::from_secs(3600));
    one.wait_until(|status| status.jobs.idle == 1).await;
    assert!(!one.heartbeat("silent", 1).await);
    assert!(other.heartbeat("silent", 1).await);
    // The clock stands still, so the backoff before the next attempt does not end.
    assert_eq!(one.claim("diligent").await, None);
    let (of_one, of_other) = (metrics(&one).await, metrics(&other).await);
    for (line, in_one) in [
        ("\nstale_jobs 1.0\n", true),
        ("\nstale_jobs 0.0\n", false),
        ("\nwitness_server_leases_ended_total{outcome=\"waiting\"} 1\n", true),
        ("\nwitness_server_leases_ended_total{outcome=\"waiting\"} 0\n", false),
    ] {
        assert_eq!((of_one.contains(line), of_other.contains(line)), (in_one, !in_one), "{line}");
    }
    one.advance(Duration::from_secs(3600));
    assert_eq!(one.claim("diligent").await, Some(1));
}

#[tokio::test]
async fn a_dropped_or_stopped_server_unlocks_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Chain::with_accounts(8, 2);
    let server = TestServer::builder().data_dir(folder.path()).sample_provers(2).start().await;
    server.import_genesis(&chain.genesis()).await;
    server.import_block(&chain.next_block(4)).await;
    server.wait_until(|status| status.jobs.done == 1).await;
    server.stop().await;

    wait_until_closed(folder.path()).unwrap();
    let mut server = TestServer::builder().data_dir(folder.path()).start().await;
    assert_eq!(server.status().jobs.done, 1);
    let address = server.address();
    server.restart().await;
    assert_eq!((server.address(), server.status().jobs.done), (address, 1));
    let temporary = TestServer::builder().start().await;
    let gone = temporary.data_dir().to_owned();
    drop((server, temporary));
    assert!(!gone.exists());
    // The runtime drops aborted tasks only when it runs them next.
    while std::net::TcpStream::connect(address).is_ok() {
        tokio::task::yield_now().await;
    }
    while let Err(error) = Store::open(folder.path(), StoreOptions::default()) {
        assert!(matches!(error, StoreError::Locked { .. }), "{error}");
        tokio::task::yield_now().await;
    }
}
