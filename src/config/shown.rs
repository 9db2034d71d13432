//! A setting as `serve --print-config` shows it.

use std::fmt;

use super::{
    node_url,
    origin::Origin,
    setting::{Form, Setting},
    setting_texts::SettingTexts,
};

/// A setting as `serve --print-config` shows it: its help text, its value as TOML, its origin.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    setting: &'static Setting,
    /// `None` for a secret and for a setting without a value.
    toml: Option<String>,
    pub origin: Origin,
}

impl Shown {
    pub(crate) fn new(setting: &'static Setting, texts: &SettingTexts) -> Self {
        let sourced = texts.get(setting.name);
        let text = sourced.map(|sourced| sourced.text.as_str()).or(setting.default);
        let toml = text.and_then(|text| match setting.form {
            Form::Text => Some(toml::Value::String(text.to_owned()).to_string()),
            Form::Database => Some(toml::Value::String(node_url::shown(text)).to_string()),
            Form::Bare => Some(text.trim().to_owned()),
            Form::List => Some(format!("[{text}]")),
            Form::Secret => None,
        });
        let origin = sourced.map_or(Origin::Default, |sourced| sourced.origin.clone());
        Self { setting, toml, origin }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.setting.name
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, origin) = (self.setting.name, &self.origin);
        writeln!(f, "# {}", self.setting.help())?;
        match &self.toml {
            Some(value) => writeln!(f, "{name} = {value}  # {origin}"),
            None if *origin == Origin::Default => writeln!(f, "# {name} is not set"),
            None => writeln!(f, "# {name} is set, hidden  # {origin}"),
        }
    }
}
