//! Runs the decoders of the tests by name, for the fuzz targets.

use zksync_witness_server::testing::decoders::DECODERS;

/// Passes the bytes to the decoder `name`.
pub fn run(name: &str, bytes: &[u8]) {
    let decoder = DECODERS.iter().find(|(decoder, _)| *decoder == name).expect("the name of a decoder");
    decoder.1(bytes);
}
