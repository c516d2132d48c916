//! What is wrong with a setting, said so that a person can mend it without learning a secret from it.

use std::fmt;

use serde::Serialize;

/// Stands in for every value that must not be shown.
pub(super) const HIDDEN: &str = "***";

/// The longest part of a wrong value that a fault repeats, in characters.
const LONGEST_FOUND: usize = 60;

/// One thing that is wrong with one variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The environment variable to change.
    pub variable: String,
    /// What stands there now, shortened; none where it may be secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What was expected instead, or what to do.
    pub message: String,
}

impl Fault {
    /// A fault that repeats nothing of the value.
    pub(super) fn new(variable: impl Into<String>, message: impl Into<String>) -> Self {
        Self { variable: variable.into(), found: None, message: message.into() }
    }

    /// A fault that shows the wrong value beside what was expected.
    pub(super) fn unexpected(variable: impl Into<String>, found: &str, message: impl Into<String>) -> Self {
        Self { found: Some(without_credentials(found)), ..Self::new(variable, message) }
    }
}

/// The value shortened, or [`HIDDEN`] where it looks like a connection string put into the wrong variable, which may hold a password.
pub(super) fn without_credentials(found: &str) -> String {
    if found.contains(['@', '=']) {
        return HIDDEN.to_owned();
    }
    let mut characters = found.chars();
    let mut shown: String = characters.by_ref().take(LONGEST_FOUND).collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `{:?}` escapes control characters: a fault is one line, and no value can steer a terminal.
        match &self.found {
            Some(found) => write!(formatter, "{}: found {found:?}, {}", self.variable, self.message),
            None => write!(formatter, "{}: {}", self.variable, self.message),
        }
    }
}

/// Everything that is wrong with the settings, one line each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{}", one_line_each(.0))]
#[serde(transparent)]
pub struct ConfigurationFaults(pub Vec<Fault>);

fn one_line_each(faults: &[Fault]) -> String {
    let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{ConfigurationFaults, Fault};

    #[test]
    fn a_fault_is_one_short_line_whatever_the_value_holds() {
        let value = format!("a\nb\u{1b}[2J\u{202e}{}", "x".repeat(10_000));
        let line = Fault::unexpected("DB_PORT", &value, "expected a port").to_string();
        assert!(line.starts_with(r#"DB_PORT: found "a\nb\u{1b}[2J\u{202e}xxx"#), "{line}");
        assert!(line.ends_with("x…\", expected a port"), "{line}");
        assert!(line.len() < 150 && !line.contains(char::is_control), "{line}");
    }

    #[test]
    fn a_connection_string_in_the_wrong_variable_is_not_repeated() {
        for value in [
            "postgres://worker:hunter2@db/bookings",
            "host=db password=hunter2",
            "worker:hunter2@broker:9092",
            "postgres://db?password=hunter2",
        ] {
            let line = Fault::unexpected("DB_HOST", value, "expected a host").to_string();
            assert_eq!(line, r#"DB_HOST: found "***", expected a host"#);
        }
    }

    #[test]
    fn several_faults_are_one_line_each() {
        let faults = ConfigurationFaults(vec![Fault::new("A", "one"), Fault::new("B", "two")]);
        assert_eq!(faults.to_string(), "A: one\nB: two");
    }
}
