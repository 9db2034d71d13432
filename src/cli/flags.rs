//! Flags that stand for settings. Their names, help texts and defaults come from the table of
//! settings.
//!
//! Values are passed on as text and parsed by the configuration, so that a flag, a variable and a
//! line of the file obey the same rules and produce the same messages.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::error::CliError;
use crate::config::{ConfigError, Flags, SETTINGS, Setting};

/// The heading of the flags that every subcommand has.
const HEADING: &str = "Settings";
/// Settings with a flag that every subcommand has.
const EVERYWHERE: [&str; 3] = ["log", "log_format", "cpu_features"];

/// Settings with a short flag.
const SHORT: [(&str, char); 2] = [("data_dir", 'd'), ("url", 'u')];

/// Flags that stand for a log filter; `--log` replaces it.
const FILTERS: [(&str, char, &str, &str); 2] = [
    ("verbose", 'v', "debug", "Log more: the same as --log debug"),
    ("quiet", 'q', "error", "Log errors only: the same as --log error"),
];

/// Help of commands that use a temporary folder by default.
pub(crate) const TEMPORARY_FOLDER: &str =
    "Without --data-dir the data go into a temporary folder, which is removed at the end.";

/// Returns the flags of the settings with these names.
pub(crate) fn of_settings(names: &'static [&'static str]) -> impl Iterator<Item = Arg> {
    select(names).filter_map(|setting| {
        let default = setting.default.map(|default| format!(" [default: {default}]"));
        flag(setting, &default.unwrap_or_default())
    })
}

/// Returns `--data-dir`, for commands that work on a stopped data folder.
pub(crate) fn of_stopped_folder() -> impl Iterator<Item = Arg> {
    select(&["data_dir"]).filter_map(|setting| flag(setting, "; no server may be using it"))
}

/// Returns `--data-dir`, `--url` and `--wait`, for commands that work on a stopped data folder or on
/// a running server.
pub(crate) fn of_target() -> impl Iterator<Item = Arg> {
    let folder = select(&["data_dir"]).filter_map(|setting| {
        flag(setting, "; if a server uses it, the command asks that server; with --url only for its secret")
    });
    let server = of_settings(&["url", "wait"]);
    folder.chain(server).map(|flag| flag.global(true))
}

/// Returns the error of options of a list that stand before a subcommand.
pub(crate) fn misplaced() -> CliError {
    CliError::Usage("put the options of a list after `list`".to_owned())
}

fn select(names: &'static [&'static str]) -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| names.contains(&setting.name))
}

fn flag(setting: &'static Setting, remark: &str) -> Option<Arg> {
    let (flag, placeholder) = setting.flag?;
    let help = format!("{}{remark}", setting.help());
    let arg = Arg::new(setting.name).long(flag.trim_start_matches('-')).value_name(placeholder).help(help);
    Some(match SHORT.iter().find(|(name, _)| *name == setting.name) {
        Some((_, short)) => arg.short(*short),
        None => arg,
    })
}

/// The settings that the command line gives, whichever subcommand has their flags.
#[derive(Debug)]
pub(crate) struct SettingFlags {
    flags: Flags,
    assignments: Vec<String>,
}

impl SettingFlags {
    /// Returns the settings; a flag replaces a `--set` of the same setting.
    ///
    /// # Errors
    /// Fails if a `--set` names an unknown setting or a secret, or has no `=`.
    pub(crate) fn settings(&self) -> Result<Flags, ConfigError> {
        let mut all = Flags::new();
        for assignment in &self.assignments {
            all.set(assignment)?;
        }
        all.extend(&self.flags);
        Ok(all)
    }
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        let set = Arg::new("set")
            .long("set")
            .value_name("KEY=VALUE")
            .action(clap::ArgAction::Append)
            .help("Any setting, such as gone_timeout=30s; can be repeated");
        let filters = FILTERS.into_iter().map(|(name, short, _, help)| {
            let other = if name == "quiet" { "verbose" } else { "quiet" };
            let flag = Arg::new(name).long(name).short(short).action(clap::ArgAction::SetTrue);
            flag.help(help).conflicts_with(other)
        });
        let flags = std::iter::once(set).chain(of_settings(&EVERYWHERE)).chain(filters);
        // `-h` of a command shows its own flags only.
        let common = |flag: Arg| flag.global(true).help_heading(HEADING).hide_short_help(true);
        command.args(flags.map(common))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let assignments = matches.get_many::<String>("set").into_iter().flatten().cloned().collect();
        let mut flags = Flags::new();
        for (name, _, filter, _) in FILTERS {
            if matches.get_flag(name) {
                flags.add("log", &format!("--{name}"), filter);
            }
        }
        let mut level = Some(matches);
        while let Some(matches) = level {
            for setting in SETTINGS {
                if let Some((flag, _)) = setting.flag
                    && let Ok(Some(text)) = matches.try_get_one::<String>(setting.name)
                {
                    flags.add(setting.name, flag, text);
                }
            }
            level = matches.subcommand().map(|(_, matches)| matches);
        }
        Ok(Self { flags, assignments })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
