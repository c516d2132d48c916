//! Takes values through envy to their checks and keeps every fault on the way: the first one must not hide the others.

use serde::de::DeserializeOwned;

use super::catalogue::{Setting, Visibility};
use super::environment::Environment;
use super::fault::Fault;
use super::given::Given;

/// The values given, and what is wrong with them so far.
pub(super) struct Findings {
    pub(super) given: Given,
    pub(super) faults: Vec<Fault>,
}

impl Findings {
    pub(super) fn of(environment: &Environment) -> Self {
        let mut faults = Vec::new();
        let given = Given::resolve(environment, &mut faults);
        Self { given, faults }
    }

    /// The texts of the variables that begin with `prefix`, one per field of `Texts`.
    ///
    /// All fields are optional strings: envy would stop at the first number that is none, and repeat its text.
    pub(super) fn texts<Texts: DeserializeOwned + Default>(&mut self, prefix: &'static str) -> Texts {
        let texts = if prefix.is_empty() {
            envy::from_iter(self.given.pairs())
        } else {
            envy::prefixed(prefix).from_iter(self.given.pairs())
        };
        texts.unwrap_or_else(|error| {
            self.faults.push(Fault::new(format!("{prefix}*"), error.to_string()));
            Texts::default()
        })
    }

    /// Checks a setting that always has a value; none is a fault that is noted.
    pub(super) fn required<Checked>(
        &mut self,
        setting: &Setting,
        text: Option<&str>,
        check: impl FnOnce(&str) -> Result<Checked, String>,
    ) -> Option<Checked> {
        self.optional(setting, text.or(setting.default), check)
    }

    /// Checks a setting that may be unset; none is that, or a fault that is noted.
    pub(super) fn optional<Checked>(
        &mut self,
        setting: &Setting,
        text: Option<&str>,
        check: impl FnOnce(&str) -> Result<Checked, String>,
    ) -> Option<Checked> {
        let text = text?;
        match check(text) {
            Ok(checked) => Some(checked),
            Err(expected) => {
                let message = format!("expected {expected}");
                self.faults.push(self.fault(setting, text, message));
                None
            }
        }
    }

    fn fault(&self, setting: &Setting, text: &str, message: String) -> Fault {
        let variable = self.given.variable(setting);
        match setting.visibility {
            Visibility::Open => Fault::unexpected(variable, text, message),
            Visibility::Secret | Visibility::SecretLines => Fault::new(variable, message),
        }
    }
}
