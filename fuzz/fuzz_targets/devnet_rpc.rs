#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| zksync_witness_server_fuzz::run("devnet_rpc", bytes));
