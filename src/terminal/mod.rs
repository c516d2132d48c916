//! What commands show to a person: text that fits the terminal and cannot act on it.

mod layout;
mod table;

use std::fmt::{Display, Write as _};
use std::io::{self, IsTerminal as _, Write as _};

use crate::telemetry::escape;

pub use layout::pairs;
pub use table::{Cell, Column, Table};

/// The width where standard output is no terminal, in columns.
const USUAL_WIDTH: usize = 100;

/// No table is squeezed below this many columns.
const LEAST_WIDTH: usize = 40;

/// Where a result is shown.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// Columns.
    pub width: usize,
    /// Whether colours may be used.
    pub colours: bool,
}

/// What a piece of text means to the eye.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Nothing in particular.
    #[default]
    Plain,
    /// A heading.
    Strong,
    /// Less important than the rest.
    Faint,
    /// As it should be.
    Good,
    /// To be kept in mind.
    Warning,
    /// To be looked after.
    Bad,
}

impl Screen {
    /// Standard output: the terminal's width and colours, where it is one and `NO_COLOR` is not set.
    #[must_use]
    pub fn of_stdout() -> Self {
        let stdout = io::stdout();
        if !stdout.is_terminal() {
            return Self { width: USUAL_WIDTH, colours: false };
        }
        let columns = rustix::termios::tcgetwinsize(&stdout).ok().map(|size| usize::from(size.ws_col));
        let width = columns.filter(|columns| *columns > 0).unwrap_or(USUAL_WIDTH).max(LEAST_WIDTH);
        let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { width, colours }
    }

    /// The text in its tone.
    #[must_use]
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Strong => "1",
            Tone::Faint => "2",
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Bad => "31",
        };
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A number with its thousands apart: `12,345`.
#[must_use]
pub fn grouped(number: impl Display, separator: char) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3 * separator.len_utf8());
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(separator);
        }
        shown.push(digit);
    }
    shown
}

/// The text in one line, with everything escaped that could steer a terminal.
#[must_use]
pub fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    // A String takes everything.
    let _ = escape::terminal(&mut shown, text);
    shown
}

/// JSON whose strings cannot act on a terminal either; a parser gives the same values back.
///
/// # Errors
/// What cannot be written as JSON.
pub fn json(value: &impl serde::Serialize) -> serde_json::Result<String> {
    serde_json::to_string_pretty(value).map(|text| harmless_json(&text))
}

/// The same in one line.
///
/// # Errors
/// As [`json`].
pub fn json_line(value: &impl serde::Serialize) -> serde_json::Result<String> {
    serde_json::to_string(value).map(|text| harmless_json(&text))
}

fn harmless_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        // Outside of strings, JSON itself has nothing of that kind but its line breaks.
        if character != '\n' && escape::acts(character) {
            let _ = write!(shown, "\\u{:04x}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Prints a result, on lines of its own. A reader that went away (`| head`) is no fault.
///
/// # Errors
/// Standard output cannot be written to.
pub fn print(text: &str) -> io::Result<()> {
    match writeln!(io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Says something to the person beside the result; there is nowhere else to say that it could not be said.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_values_and_holds_nothing_that_acts() {
        let hostile = "a\u{1b}[2J\u{9b}\u{7f}\u{202e}\n\"é😀\\";
        let text = json(&[hostile]).unwrap();
        assert!(!text.chars().any(|character| character != '\n' && escape::acts(character)), "{text:?}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap(), [hostile]);
    }

    #[test]
    fn colours_are_used_only_where_they_may() {
        let screen = |colours| Screen { width: 80, colours };
        assert_eq!(screen(true).paint(Tone::Bad, "dead"), "\x1b[31mdead\x1b[0m");
        assert_eq!(screen(false).paint(Tone::Bad, "dead"), "dead");
    }
}
