//! The command line: one file for each subcommand, with its arguments and its `run`.

// `println!` panics if its reader is gone; `output` writes instead.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod backup;
pub mod blocks;
pub mod check;
mod command_line;
pub mod completions;
pub mod demo;
pub mod doctor;
mod error;
pub mod explain;
pub mod export;
mod flags;
mod folder;
pub mod health;
pub mod import;
mod in_process;
mod input;
pub mod jobs;
mod output;
mod progress;
pub mod provers;
pub mod restore;
pub mod revert;
pub mod run;
pub mod serve;
mod signals;
pub mod status;
mod table;
mod target;
pub mod token;
pub mod top;
mod view_source;
pub mod witness;

pub use command_line::{Cli, Command};
pub use error::CliError;
pub use output::tell;
