//! The files of the repository, as text and as values.

use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value};

/// A path below the repository's root.
pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A file's text.
pub(crate) fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A YAML file's content; keys that stand there twice are an error.
pub(crate) fn yaml(name: &str) -> Value {
    let value: yaml_serde::Value =
        yaml_serde::from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::to_value(value).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The members of a mapping, which must be one.
pub(crate) fn members<'a>(value: &'a Value, what: &str) -> &'a Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("{what} is no mapping: {value}"))
}

/// The texts of a list; none where there is no list.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(|item| item.as_str().unwrap()).collect()
}

/// The `NAME=value` lines of a file.
pub(crate) fn variables(name: &str) -> Vec<(String, String)> {
    let text = text(name);
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(assignment).collect()
}

/// `NAME=value`, taken apart.
pub(crate) fn assignment(line: &str) -> (String, String) {
    let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("no NAME=value: {line}"));
    (name.to_owned(), value.to_owned())
}
