//! The `witness-server` binary.

fn main() -> std::process::ExitCode {
    zksync_witness_server::main()
}
