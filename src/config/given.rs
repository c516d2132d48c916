//! Decides where each setting's value comes from: the variable itself, a file, an older name, or the diverted namespace.

use std::collections::BTreeMap;

use super::catalogue::{
    KAFKA_GROUP_ID, OKTETO_DIVERTED_ENVIRONMENT, OKTETO_NAMESPACE, Setting, Visibility, catalogue,
};
use super::environment::{Environment, Variable};
use super::fault::{Fault, HIDDEN};
use super::file::read_text;
use super::source::{Source, Value};

/// The settings that are not left to their defaults.
pub(super) struct Given {
    values: BTreeMap<&'static str, Value>,
}

impl Given {
    /// Resolves every setting of the catalogue and adds a fault for each that cannot be read.
    pub(super) fn resolve(environment: &Environment, faults: &mut Vec<Fault>) -> Self {
        let mut values = BTreeMap::new();
        for setting in catalogue() {
            report_what_is_not_text(setting, environment, faults);
            if let Some(value) = look_up(setting, environment, faults) {
                values.insert(setting.name, value);
            }
        }
        let mut given = Self { values };
        given.derive_group(faults);
        given
    }

    pub(super) fn get(&self, setting: &Setting) -> Option<&Value> {
        self.values.get(setting.name)
    }

    /// The variable that a person changes to change this setting.
    pub(super) fn variable(&self, setting: &Setting) -> &'static str {
        match self.get(setting).map(|value| &value.source) {
            Some(Source::Variable(name)) => name,
            Some(Source::File { .. }) => setting.file.unwrap_or(setting.name),
            Some(Source::Environment) | None => setting.name,
        }
    }

    /// Names and texts, as envy reads them.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (String, String)> {
        self.values.iter().filter_map(|(name, value)| Some(((*name).to_owned(), value.text.clone()?)))
    }

    /// A diverted worker reads the topics in a group of its own, else it would take records from the shared one.
    fn derive_group(&mut self, faults: &mut Vec<Fault>) {
        if self.get(&OKTETO_DIVERTED_ENVIRONMENT).is_none() || self.get(&KAFKA_GROUP_ID).is_some() {
            return;
        }
        let Some(namespace) = self.get(&OKTETO_NAMESPACE) else {
            faults.push(Fault::new(
                OKTETO_NAMESPACE.name,
                "not set, but OKTETO_DIVERTED_ENVIRONMENT is: expected the namespace that names the consumer group worker-group-<OKTETO_NAMESPACE>; or set KAFKA_GROUP_ID",
            ));
            return;
        };
        let base = KAFKA_GROUP_ID.default.unwrap_or_default();
        let value = Value {
            text: namespace.text.as_ref().map(|text| format!("{base}-{text}")),
            source: Source::Variable(OKTETO_NAMESPACE.name),
        };
        self.values.insert(KAFKA_GROUP_ID.name, value);
    }
}

fn report_what_is_not_text(setting: &Setting, environment: &Environment, faults: &mut Vec<Fault>) {
    let not_text =
        setting.variables().filter(|name| matches!(environment.get(name), Some(Variable::NotText)));
    faults.extend(not_text.map(|name| Fault::new(name, "holds bytes that are not UTF-8; expected text")));
}

fn look_up(setting: &Setting, environment: &Environment, faults: &mut Vec<Fault>) -> Option<Value> {
    let own = environment.get(setting.name);
    let file = setting.file.and_then(|name| Some((name, environment.get(name)?)));
    let alias = setting.alias.and_then(|name| Some((name, environment.get(name)?)));
    let (variable, source) = match (own, file, alias) {
        (Some(_), Some((file, _)), _) => {
            let message = format!("both {} and {file} are set; expected one of them", setting.name);
            faults.push(Fault::new(setting.name, message));
            (&Variable::NotText, Source::Environment)
        }
        (Some(variable), None, _) => (variable, Source::Environment),
        (None, Some((name, variable)), _) => {
            return Some(from_file(name, variable, setting, faults));
        }
        (None, None, Some((name, variable))) => (variable, Source::Variable(name)),
        (None, None, None) => return None,
    };
    let text = match variable {
        Variable::Text(text) => Some(text.clone()),
        Variable::NotText => None,
    };
    Some(Value { text, source })
}

fn from_file(name: &str, variable: &Variable, setting: &Setting, faults: &mut Vec<Fault>) -> Value {
    let Variable::Text(path) = variable else {
        return Value { text: None, source: Source::Environment };
    };
    let (text, path) = match read_text(path).and_then(|text| not_blank(text, setting)) {
        Ok(text) => (Some(text), path.as_str()),
        Err(reason) => {
            // People do put the secret itself here; only what begins like a path is shown.
            let is_path = path.starts_with(['/', '.']);
            let path = if is_path { path } else { HIDDEN };
            let message = format!("which {reason}; expected the path of a readable file");
            faults.push(Fault { found: Some(path.to_owned()), ..Fault::new(name, message) });
            (None, path)
        }
    };
    let path = path.to_owned();
    Value { text, source: Source::File { path } }
}

/// Refuses a secret that is blank: a mount without content would quietly become the default.
fn not_blank(text: String, setting: &Setting) -> Result<String, String> {
    if setting.visibility == Visibility::Secret && text.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{Environment, Fault, Given, Setting};
    use crate::config::catalogue::{DB_PASSWORD, KAFKA_GROUP_ID, KAFKA_PROPERTIES};

    fn resolve(variables: &[(&str, &str)]) -> (Given, Vec<Fault>) {
        let environment: Environment = variables.iter().copied().collect();
        let mut faults = Vec::new();
        let given = Given::resolve(&environment, &mut faults);
        (given, faults)
    }

    /// The text and the source of a setting that is right.
    fn found(setting: &Setting, variables: &[(&str, &str)]) -> Option<(String, String)> {
        let (given, faults) = resolve(variables);
        assert_eq!(faults, [], "{variables:?}");
        let value = given.get(setting)?;
        Some((value.text.clone().unwrap(), value.source.to_string()))
    }

    /// The one fault of an environment that is wrong.
    fn fault(variables: &[(&str, &str)]) -> String {
        let (_, faults) = resolve(variables);
        assert_eq!(faults.len(), 1, "{variables:?}: {faults:?}");
        faults[0].to_string()
    }

    #[test]
    fn the_alias_counts_only_where_nothing_newer_is_set() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "from file").unwrap();
        let path = path.to_str().unwrap();
        let pair = |text: &str, source: &str| Some((text.to_owned(), source.to_owned()));

        assert_eq!(found(&DB_PASSWORD, &[]), None);
        assert_eq!(found(&DB_PASSWORD, &[("DB_PASS", "old")]), pair("old", "DB_PASS"));
        let both = [("DB_PASS", "old"), ("DB_PASSWORD", "new")];
        assert_eq!(found(&DB_PASSWORD, &both), pair("new", "environment"));
        let empty = [("DB_PASS", "old"), ("DB_PASSWORD", " ")];
        assert_eq!(found(&DB_PASSWORD, &empty), pair("old", "DB_PASS"));
        let with_file = [("DB_PASS", "old"), ("DB_PASSWORD_FILE", path)];
        assert_eq!(found(&DB_PASSWORD, &with_file), pair("from file", &format!("file {path}")));
    }

    #[test]
    fn a_file_that_gives_no_value_is_a_fault_with_its_path_and_nothing_older_steps_in() {
        for file in ["/nowhere/password", "./nowhere"] {
            let line = fault(&[("DB_PASSWORD_FILE", file), ("DB_PASS", "unused")]);
            let start = format!("DB_PASSWORD_FILE: found {file:?}, which cannot be read");
            assert!(line.starts_with(&start), "{line}");
        }
        assert!(!fault(&[("DB_PASSWORD_FILE", "hunter2")]).contains("hunter2"));
    }

    #[test]
    fn an_empty_file_is_no_password_but_no_properties_are_fine() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        assert!(fault(&[("DB_PASSWORD_FILE", path)]).contains("which is empty"));
        let (text, _) = found(&KAFKA_PROPERTIES, &[("KAFKA_PROPERTIES_FILE", path)]).unwrap();
        assert_eq!(text, "");
    }

    #[test]
    fn a_secret_given_twice_is_a_fault() {
        for (name, file) in
            [("DB_PASSWORD", "DB_PASSWORD_FILE"), ("KAFKA_PROPERTIES", "KAFKA_PROPERTIES_FILE")]
        {
            let line = fault(&[(name, "hunter2"), (file, "/dev/null")]);
            assert_eq!(line, format!("{name}: both {name} and {file} are set; expected one of them"));
        }
    }

    #[test]
    fn a_diverted_worker_has_a_group_of_its_own() {
        let group = |variables: &[(&str, &str)]| found(&KAFKA_GROUP_ID, variables).map(|(text, _)| text);
        let namespace = ("OKTETO_NAMESPACE", "cindy");
        let diverted = ("OKTETO_DIVERTED_ENVIRONMENT", "cindy");
        let named = ("KAFKA_GROUP_ID", "mine");
        assert_eq!(group(&[namespace]), None);
        assert_eq!(group(&[namespace, diverted]).unwrap(), "worker-group-cindy");
        assert_eq!(group(&[diverted, named]).unwrap(), "mine");
        let line = fault(&[diverted]);
        let start = "OKTETO_NAMESPACE: not set, but OKTETO_DIVERTED_ENVIRONMENT is";
        assert!(line.starts_with(start), "{line}");
    }
}
