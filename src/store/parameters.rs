//! The parameters that a data folder was created with, and the check that this program can read it.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::store::durable::blobs::file_id;
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::handle::Kv;
use crate::store::kv::keys::meta;
use crate::store::kv::table::Table;

/// The parameters of a folder. Stored; the layout is frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parameters {
    format: u32,
    account_tree_depth: u32,
    balance_tree_depth: u32,
}

/// Number of the format of data folders.
pub(crate) const FORMAT: u32 = 1;

pub(crate) const PARAMETERS: Parameters =
    Parameters { format: FORMAT, account_tree_depth: 32, balance_tree_depth: 32 };

impl Parameters {
    fn describe(&self) -> String {
        let Self { format, account_tree_depth, balance_tree_depth } = self;
        format!("format {format} with trees of depth {account_tree_depth} and {balance_tree_depth}")
    }
}

/// Returns true if nothing but a kv was ever written to the folder.
pub(crate) fn is_new(dir: &Path) -> Result<bool, StoreError> {
    for part in ["blobs", "journal"] {
        let entries = match fs::read_dir(dir.join(part)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(StoreError::io("opening the data folder")(error)),
        };
        for entry in entries {
            let entry = entry.map_err(StoreError::io("opening the data folder"))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let found = entry.metadata().map_err(StoreError::io("opening the data folder"))?;
            if file_id(&name).is_some() || (name.ends_with(".log") && found.len() > 0) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Checks the parameters of the folder at `dir`, or stores them in a new one. Errors call it `named`.
pub(crate) fn check_parameters(named: &Path, dir: &Path, kv: &Kv) -> Result<(), StoreError> {
    match kv.get::<Parameters>(Table::Meta, meta::PARAMETERS)? {
        Some(found) if found == PARAMETERS => Ok(()),
        Some(found) => Err(StoreError::Format {
            dir: named.into(),
            found: found.describe(),
            expected: PARAMETERS.describe(),
        }),
        // sled treats a file that it cannot interpret as a new one.
        None if !is_new(dir)? => Err(StoreError::corrupt("its kv is empty, but blobs or journal are not")),
        None => {
            let mut batch = Batch::new();
            batch.put(Table::Meta, meta::PARAMETERS, &PARAMETERS)?;
            kv.apply(batch)?;
            kv.flush()
        }
    }
}
