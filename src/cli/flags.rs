//! Flags that stand for settings. Their names, help texts and defaults come from the table of
//! settings.
//!
//! Values are passed on as text and parsed by the configuration, so that a flag, a variable and a
//! line of the file obey the same rules and produce the same messages.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use crate::config::{ConfigError, Flags, SETTINGS, Setting};

/// The heading of the flags that every subcommand has.
const HEADING: &str = "Settings";
/// Settings with a flag that every subcommand has.
const EVERYWHERE: [&str; 3] = ["log", "log_format", "cpu_features"];

/// Help of commands that use a temporary folder by default.
pub(crate) const TEMPORARY_FOLDER: &str =
    "Without --data-dir the data go into a temporary folder, which is removed at the end.";

/// Returns the flags of the settings with these names.
pub(crate) fn of_settings(names: &'static [&'static str]) -> impl Iterator<Item = Arg> {
    SETTINGS.iter().filter(|setting| names.contains(&setting.name)).filter_map(flag)
}

/// Returns `--data-dir` and `--url`, for commands that work on a stopped data folder or on a
/// running server.
pub(crate) fn of_target() -> impl Iterator<Item = Arg> {
    let place = |flag: Arg| match flag.get_id() == "data_dir" {
        true => flag.global(true).conflicts_with("url"),
        false => flag.global(true),
    };
    of_settings(&["data_dir", "url"]).map(place)
}

fn flag(setting: &'static Setting) -> Option<Arg> {
    let (flag, placeholder) = setting.flag?;
    let default = setting.default.map(|default| format!(" [default: {default}]")).unwrap_or_default();
    let help = format!("{}{default}", setting.help());
    Some(Arg::new(setting.name).long(flag.trim_start_matches('-')).value_name(placeholder).help(help))
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
        let flags = std::iter::once(set).chain(of_settings(&EVERYWHERE));
        command.args(flags.map(|flag| flag.global(true).help_heading(HEADING)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let assignments = matches.get_many::<String>("set").into_iter().flatten().cloned().collect();
        let mut flags = Flags::new();
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
