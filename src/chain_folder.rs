//! chain_folder.
