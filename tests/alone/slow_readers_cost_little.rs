//! Many clients that read a large body slowly do not fill the memory of the server, which is
//! measured as that of this process.

#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use zksync_witness_server::testing::TestServer;
use zksync_witness_server::testing::internals::store::{
    BlobKind, BlobLabel, GenesisEnd, Store, StoreOptions,
};

const READERS: usize = 64;
/// Most memory for each reader: twice the measured value. A compressed body alone is 12 MB.
const BYTES_A_READER: usize = 3 << 20;

/// Returns random hex digits in quotes, which compress to half their size.
fn body() -> Vec<u8> {
    let mut bytes = vec![0; 12 << 20];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    format!("\"{}\"", hex::encode(bytes)).into_bytes()
}

/// Returns the resident memory of this process, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10
}

/// Sends a request and reads the start of the answer.
fn start_reading(address: SocketAddr, token: &str, accept: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "GET /api/v1/genesis HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nAccept-Encoding: {accept}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut start = [0; 500];
    stream.read_exact(&mut start).unwrap();
    assert!(start.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&start));
    stream
}

#[test]
fn many_slow_readers_of_a_large_body_cost_little_memory() {
    let _alone = crate::alone();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let body = body();
    let load = store.load_genesis([0; 32], 1).unwrap().unwrap();
    let end = GenesisEnd {
        blob: store.prepare_blob(BlobLabel::block(BlobKind::Genesis, 0), &body).unwrap(),
        root: [0; 32],
        accounts: 0,
        tree: Vec::new(),
        roots: (b"roots".to_vec(), Vec::new()),
    };
    load.finish(end).unwrap();
    drop((store, body));

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(TestServer::builder().data_dir(folder.path()).start());
    let token = server.token();

    for accept in ["identity", "gzip", "zstd"] {
        let before = resident();
        let readers: Vec<TcpStream> =
            (0..READERS).map(|_| start_reading(server.address(), &token, accept)).collect();
        let grown = resident().saturating_sub(before);
        println!("{accept}: {} kB a reader", grown / READERS / 1024);
        assert!(grown < READERS * BYTES_A_READER, "{accept}: {grown} bytes for {} readers", readers.len());
    }
    runtime.block_on(server.stop());
}
