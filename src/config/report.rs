//! What `worker config` shows: every setting with its value and where it comes from, right or wrong.

use serde::Serialize;

use super::catalogue::{Setting, Visibility, catalogue};
use super::environment::Environment;
use super::fault::{ConfigurationFaults, HIDDEN, without_credentials};
use super::findings::Findings;
use super::properties::without_secrets;
use super::settings::Settings;
use super::source::Value;

/// The settings as a person sees them.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Every setting, in the catalogue's order.
    pub settings: Vec<Row>,
    /// Everything that is wrong with them; empty where the worker would start.
    pub faults: ConfigurationFaults,
}

/// One setting as a person sees it: no secret, no control character but the newlines between properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The environment variable.
    pub name: &'static str,
    /// The value that counts, `***` where it is secret or cannot be read; none where the setting is unset.
    pub value: Option<String>,
    /// `default`, `environment`, `file <path>`, or the other variable that the value comes from.
    pub source: String,
    /// What counts where nothing is set.
    pub default: &'static str,
    /// What the setting is for.
    pub description: &'static str,
}

impl Settings {
    /// Reports on this process's environment; never fails, because faults are a part of the report.
    #[must_use]
    pub fn report() -> Report {
        Report::of(&Environment::of_this_process())
    }
}

impl Report {
    /// Reports on a snapshot.
    #[must_use]
    pub fn of(environment: &Environment) -> Self {
        let mut findings = Findings::of(environment);
        Settings::read(&mut findings);
        let settings = catalogue().iter().map(|setting| row(setting, &findings)).collect();
        Self { settings, faults: ConfigurationFaults(findings.faults) }
    }
}

fn row(setting: &'static Setting, findings: &Findings) -> Row {
    let given = findings.given.get(setting);
    Row {
        name: setting.name,
        value: shown_value(setting, given, findings),
        source: given.map_or_else(|| "default".to_owned(), |value| printable(&value.source.to_string())),
        default: setting.default.unwrap_or(setting.when_unset),
        description: setting.description,
    }
}

fn shown_value(setting: &Setting, given: Option<&Value>, findings: &Findings) -> Option<String> {
    let text = given.map_or(setting.default, |value| Some(value.text.as_deref().unwrap_or(HIDDEN)))?;
    let is_wrong = findings.faults.iter().any(|fault| fault.variable == findings.given.variable(setting));
    Some(match setting.visibility {
        Visibility::Secret => HIDDEN.to_owned(),
        Visibility::SecretLines => {
            let lines: Vec<String> = without_secrets(text, is_wrong).lines().map(printable).collect();
            lines.join("\n")
        }
        Visibility::Open if is_wrong => printable(&without_credentials(text)),
        Visibility::Open => printable(text),
    })
}

/// The text with everything escaped that could steer a terminal; quotes and backslashes stay as they are.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '"' | '\'' | '\\') {
            shown.push(character);
        } else {
            shown.extend(character.escape_debug());
        }
    }
    shown
}
