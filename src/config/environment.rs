//! One snapshot of the environment, reduced to the variables of the catalogue, trimmed and without empties.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::catalogue::{known_variable, means_something_empty};

/// The variables that the worker knows, as they stood when the snapshot was taken.
///
/// It holds secrets in plain text, hence no `Debug`.
pub struct Environment {
    variables: BTreeMap<&'static str, Variable>,
}

/// What a variable holds.
#[derive(Clone)]
pub(super) enum Variable {
    /// A text that is neither empty nor blank, trimmed.
    Text(String),
    /// Bytes that are not UTF-8.
    NotText,
}

impl Environment {
    /// Takes the snapshot of this process's environment.
    ///
    /// `std::env::vars`, which envy would use, panics on a variable that is not UTF-8, be it known or not.
    #[must_use]
    pub fn of_this_process() -> Self {
        std::env::vars_os().collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Variable> {
        self.variables.get(name)
    }
}

impl<Name: Into<OsString>, Value: Into<OsString>> FromIterator<(Name, Value)> for Environment {
    fn from_iter<Pairs: IntoIterator<Item = (Name, Value)>>(pairs: Pairs) -> Self {
        let variables = pairs
            .into_iter()
            .filter_map(|(name, value)| {
                let name = known_variable(name.into().to_str()?)?;
                Some((name, read(name, &value.into())?))
            })
            .collect();
        Self { variables }
    }
}

/// A variable's content; none where it counts as unset.
fn read(name: &str, value: &OsString) -> Option<Variable> {
    let Some(text) = value.to_str().map(str::trim) else {
        return Some(Variable::NotText);
    };
    let counts = !text.is_empty() || means_something_empty(name);
    (counts && !is_service_link(name, text)).then(|| Variable::Text(text.to_owned()))
}

/// Whether Kubernetes injected this value: a service called `db` sets `DB_PORT=tcp://10.0.0.1:5432` in every pod beside it.
fn is_service_link(name: &str, text: &str) -> bool {
    name.ends_with("_PORT") && ["tcp://", "udp://", "sctp://"].iter().any(|scheme| text.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::{Environment, Variable};

    fn text(name: &str, value: &str) -> Option<String> {
        let environment: Environment = [(name, value)].into_iter().collect();
        match environment.get(name) {
            Some(Variable::Text(text)) => Some(text.clone()),
            Some(Variable::NotText) => panic!("{name} is text"),
            None => None,
        }
    }

    #[test]
    fn empty_and_blank_values_are_unset_and_others_are_trimmed() {
        for blank in ["", " ", "\t", "\n", " \r\n ", "\u{a0}"] {
            assert_eq!(text("DB_HOST", blank), None, "{blank:?}");
        }
        assert_eq!(text("DB_HOST", " db \n"), Some("db".to_owned()));
    }

    #[test]
    fn service_links_are_unset_and_unknown_variables_are_ignored() {
        for link in ["tcp://10.0.0.1:5432", "udp://10.0.0.1:5432", "sctp://[::1]:5432"] {
            assert_eq!(text("DB_PORT", link), None, "{link}");
        }
        for unknown in ["KAFKA_PORT", "WORKER_PORT", "DB_SERVICE_HOST", "DB_DB_HOST", "db_host"] {
            assert_eq!(text(unknown, "tcp://10.0.0.1:1"), None, "{unknown}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_not_text_are_kept_for_known_variables_only() {
        use std::ffi::OsString;
        use std::os::unix::ffi::OsStringExt;

        let bytes = || OsString::from_vec(vec![0x66, 0xff]);
        let environment: Environment = [
            (OsString::from("DB_USER"), bytes()),
            (OsString::from("OTHER"), bytes()),
            (bytes(), OsString::from("x")),
        ]
        .into_iter()
        .collect();
        assert!(matches!(environment.get("DB_USER"), Some(Variable::NotText)));
        assert_eq!(environment.variables.len(), 1);
    }
}
