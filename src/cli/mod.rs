//! The command line: one file for each subcommand, with its arguments and its `run`.

// `println!` panics if its reader is gone; `output` writes instead.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub(crate) mod backup;
mod block_number;
pub(crate) mod blocks;
pub(crate) mod chain;
pub(crate) mod check;
mod colour;
mod command_line;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod devnet;
pub(crate) mod doctor;
mod error;
pub(crate) mod explain;
pub(crate) mod export;
mod export_node;
mod flags;
mod folder;
pub(crate) mod health;
pub(crate) mod import;
mod import_tally;
mod in_process;
mod input;
mod job_table;
mod job_watch;
pub(crate) mod jobs;
pub(crate) mod node;
mod output;
mod progress;
pub(crate) mod prover;
pub(crate) mod provers;
pub(crate) mod restore;
pub(crate) mod revert;
pub(crate) mod run;
mod runtime;
pub(crate) mod serve;
mod signals;
pub(crate) mod status;
mod supervisor;
mod target;
mod text_table;
pub(crate) mod token;
pub(crate) mod top;
mod version;
mod view_source;
pub(crate) mod witness;

pub use command_line::Cli;
pub(crate) use command_line::Command;
pub(crate) use error::CliError;
pub(crate) use output::tell;
