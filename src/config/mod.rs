//! One validated configuration: defaults < TOML file < environment < flags.
//!
//! `settings` declares every setting once. The file is the one of `--config` or
//! `WITNESS_SERVER_CONFIG`, else `witness-server.toml` in the data folder if it exists. An unknown
//! name is an error that names the nearest known one; the unknown name of a variable is a warning.

mod credentials;
mod derived;
mod environment;
mod error;
mod flags;
mod layers;
mod load;
mod names;
mod node_settings;
mod node_url;
mod origin;
mod parse;
mod secret;
mod setting;
mod setting_texts;
mod settings;
mod shown;
#[cfg(test)]
mod tests;

pub use credentials::ServerSecret;
pub use derived::{BodyLimits, RequestLimits};
pub use environment::Environment;
pub use error::ConfigError;
pub use flags::Flags;
pub use node_settings::{NodeFrom, Share};
pub use node_url::{NodeUrl, TlsMode};
pub use origin::Origin;
pub(crate) use parse::{duration as parse_duration, duration_or_zero as parse_duration_or_zero};
pub use secret::{EmptySecret, Secret, SecretError};
pub(crate) use setting::Setting;
pub use settings::Config;
pub(crate) use settings::SETTINGS;
