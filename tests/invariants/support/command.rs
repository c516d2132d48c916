//! The commands that a person runs: the real binary, what it printed, and how it ended.

use std::process::{Command, Output};

use serde_json::Value;

use super::{DEADLINE, World};

/// What a command has said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl World {
    /// Runs `worker` with these arguments to its end.
    pub async fn command(&self, arguments: &[&str]) -> Said {
        self.command_with(arguments, &[]).await
    }

    /// The same with further settings.
    pub async fn command_with(&self, arguments: &[&str], extra: &[(&str, &str)]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
        command.args(arguments).envs(self.settings(extra)).env_remove("RUST_LOG").env_remove("NO_COLOR");
        let run = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = tokio::time::timeout(DEADLINE, run).await;
        let Output { status, stdout, stderr } =
            output.unwrap_or_else(|_| panic!("{arguments:?} still runs after {DEADLINE:?}")).unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: status.code(), out: text(stdout), err: text(stderr) }
    }

    /// Runs it with `--json`, expects that it succeeds, and returns the value that it printed.
    pub async fn command_json(&self, arguments: &[&str]) -> Value {
        let said = self.command(&[arguments, &["--json"]].concat()).await;
        assert_eq!((said.code, &*said.err), (Some(0), ""), "{arguments:?}");
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}", said.out))
    }

    /// Runs it, expects that it succeeds, and returns what it printed: the names of this world's topics and group
    /// as they usually are, times as `TIME`, and blanks between columns as two.
    pub async fn command_text(&self, arguments: &[&str]) -> String {
        let said = self.command(arguments).await;
        assert_eq!((said.code, &*said.err), (Some(0), ""), "{arguments:?}: {}", said.out);
        self.plain(&said.out)
    }

    /// The text without what differs from run to run.
    pub fn plain(&self, text: &str) -> String {
        let text = text
            .replace(&self.bookings, "booking-events")
            .replace(&self.cancellations, "booking-cancellations")
            .replace(&self.group, "worker-group");
        text.lines().map(|line| squeezed(&timeless(line)) + "\n").collect()
    }
}

const TIME: &str = "dddd-dd-dd dd:dd:dd";

/// The line with `TIME` for each time.
fn timeless(line: &str) -> String {
    let mut shown = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        if rest.len() >= TIME.len() && rest.bytes().zip(TIME.bytes()).all(|(byte, form)| fits(byte, form)) {
            shown.push_str("TIME");
            rest = rest[TIME.len()..].trim_start_matches(|part: char| part == '.' || part.is_ascii_digit());
            rest = rest.strip_prefix('Z').unwrap_or(rest);
        } else {
            shown.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    shown
}

fn fits(byte: u8, form: u8) -> bool {
    if form == b'd' { byte.is_ascii_digit() } else { byte == form }
}

/// The line with two blanks where there are more, but for those it begins with.
fn squeezed(line: &str) -> String {
    let text = line.trim_start();
    let indent = if line.starts_with("    ") { "    " } else { "" };
    let columns: Vec<&str> = text.split("  ").map(str::trim).filter(|column| !column.is_empty()).collect();
    format!("{indent}{}", columns.join("  "))
}
