//! A setting's text before it is checked, and where it comes from.

use std::fmt;

/// One setting's value before it is checked.
pub(super) struct Value {
    /// None where it is given but cannot be read, which is a fault already.
    pub(super) text: Option<String>,
    pub(super) source: Source,
}

/// Where a value comes from, as `worker config` says it.
pub(super) enum Source {
    Environment,
    /// Another variable than the setting's own: its alias, or the one that it is derived from.
    Variable(&'static str),
    File {
        path: String,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => formatter.write_str("environment"),
            Self::Variable(name) => formatter.write_str(name),
            Self::File { path } => write!(formatter, "file {path}"),
        }
    }
}
