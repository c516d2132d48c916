//! The demo's own lines, on standard error: standard output belongs to the worker's log.

use std::io::{IsTerminal, Write, stderr};

use anyhow::Error;

/// Colours by what they mean here.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Colour {
    Demo,
    Good,
    Neutral,
    Warning,
    Bad,
}

/// Prints one of the demo's progress lines.
pub(crate) fn say(text: &str) {
    line(&format!("{} {text}", paint("▸", Colour::Demo)));
}

/// Prints what failed, causes and the end of a log included.
pub(crate) fn fail(error: &Error) {
    line(&format!("{} {error:#}", paint("error:", Colour::Bad)));
}

/// Prints a line as it stands. A terminal that was closed is no reason to stop tidying up.
pub(crate) fn line(text: &str) {
    let _written = writeln!(stderr(), "{text}");
}

/// Colours a text on a terminal, unless `NO_COLOR` is set.
pub(crate) fn paint(text: &str, colour: Colour) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if plain || !stderr().is_terminal() {
        return text.to_owned();
    }
    let code = match colour {
        Colour::Demo => "36",
        Colour::Good => "32",
        Colour::Neutral => "2",
        Colour::Warning => "33",
        Colour::Bad => "31",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}
