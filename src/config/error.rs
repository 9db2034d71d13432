//! What can be wrong with a configuration, in sentences for the operator.

use std::path::PathBuf;

use super::layers::Origin;

/// A configuration that cannot be used. Each message is one sentence that says what to change.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key of the file, of `--set` or of the environment that nothing reads.
    #[error("unknown setting {key} in {origin}; did you mean {nearest}?")]
    UnknownKey {
        /// The key or variable name as it was written.
        key: String,
        /// Where it was written.
        origin: Origin,
        /// The known name closest to it.
        nearest: String,
    },
    /// A value that does not parse or is out of range.
    #[error("{key} = {value} (from {origin}) is not usable: give {expected}")]
    Invalid {
        /// The setting.
        key: &'static str,
        /// The text given, quoted.
        value: String,
        /// Where it came from.
        origin: Origin,
        /// What would be accepted.
        expected: String,
    },
    /// Two settings, each fine, that do not go together.
    #[error("{0}")]
    Conflict(String),
    /// The configuration file cannot be read.
    #[error("cannot read the configuration file {}: {cause}; check the path given by --config", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        cause: std::io::Error,
    },
    /// The configuration file is not TOML.
    #[error("the configuration file {} is not valid TOML, line {line}: {cause}", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Line of the first error, from 1.
        line: usize,
        /// The parser's words.
        cause: String,
    },
    /// A TOML value of a kind no setting has (table, date, mixed list).
    #[error("{key} in {origin} must be a text, a number, true or false, or a list of numbers")]
    WrongKind {
        /// The key.
        key: String,
        /// The file.
        origin: Origin,
    },
    /// An environment variable of ours that is not Unicode.
    #[error("the environment variable {0} is not valid UTF-8; set it again")]
    NotText(String),
    /// `--set` without `=`.
    #[error("--set {0} lacks a value; write --set key=value")]
    SetWithoutValue(String),
    /// A secret on the command line would be visible to every user of the machine.
    #[error(
        "a secret cannot be given by --set, where other users could read it; use the environment, or secret_file or operator_token_file"
    )]
    SecretOnCommandLine,
    /// The command needs a data folder and none is configured.
    #[error("no data folder is given; pass --data-dir FOLDER")]
    NoDataDir,
}
