//! What the fuzz targets share: they are the decoders of the tests, by their names.

use zksync_witness_server::testing::decoders::DECODERS;

/// Gives the bytes to the decoder of that name.
pub fn run(name: &str, bytes: &[u8]) {
    let decoder = DECODERS.iter().find(|(decoder, _)| *decoder == name).expect("the name of a decoder");
    decoder.1(bytes);
}
