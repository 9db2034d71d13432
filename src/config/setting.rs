//! The description of one setting: its names, its default and how its value is written.

/// Prefix of this program's own environment variables.
pub(crate) const ENV_PREFIX: &str = "WITNESS_SERVER_";

/// The conversion of the text of a reference variable to the text of the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// The same text.
    Plain,
    /// A whole number of milliseconds.
    Milliseconds,
    /// A whole number of seconds.
    Seconds,
    /// A port number: it replaces the port of the address that the lower layers give.
    Port,
}

/// The form of the value in TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A quoted string.
    Text,
    /// A number or a boolean: no quotes.
    Bare,
    /// A list of numbers.
    List,
    /// A quoted string that is never shown.
    Secret,
    /// The quoted address of a database, shown without its password.
    Database,
}

#[derive(Debug)]
pub(crate) struct Setting {
    /// Its name in the TOML file and in `--set`.
    pub name: &'static str,
    /// The text of its default value.
    pub default: Option<&'static str>,
    /// The phrase that describes it, with the blanks of the doc comment around it.
    pub(super) raw_help: &'static str,
    pub(super) form: Form,
    /// Its own flag, such as `--listen`, and the placeholder of the value, such as `IP:PORT`.
    pub flag: Option<(&'static str, &'static str)>,
    /// Its variable in a zkSync Lite deployment: `docs/protocol/06-server.md §6`.
    pub(super) reference: Option<(&'static str, Unit)>,
}

impl Setting {
    /// Returns the name of this program's own variable for the setting.
    pub(super) fn own_variable(&self) -> String {
        format!("{ENV_PREFIX}{}", self.name.to_ascii_uppercase())
    }

    /// Returns the phrase that describes the setting.
    pub(crate) fn help(&self) -> &'static str {
        self.raw_help.trim()
    }
}
