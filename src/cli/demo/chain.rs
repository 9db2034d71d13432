//! The sample chain of `data/sample-chain`: eight blocks with every kind of operation.

/// State before block 1.
pub(crate) const GENESIS: &[u8] = include_bytes!("../../../data/sample-chain/genesis.json");

/// The blocks, in order.
pub(crate) const BLOCKS: [&[u8]; 8] = [
    include_bytes!("../../../data/sample-chain/blocks/000001.json"),
    include_bytes!("../../../data/sample-chain/blocks/000002.json"),
    include_bytes!("../../../data/sample-chain/blocks/000003.json"),
    include_bytes!("../../../data/sample-chain/blocks/000004.json"),
    include_bytes!("../../../data/sample-chain/blocks/000005.json"),
    include_bytes!("../../../data/sample-chain/blocks/000006.json"),
    include_bytes!("../../../data/sample-chain/blocks/000007.json"),
    include_bytes!("../../../data/sample-chain/blocks/000008.json"),
];
