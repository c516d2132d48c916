//! Says on a terminal how far a long verification has come.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::{Duration, Instant};

/// How often it says so.
const INTERVAL: Duration = Duration::from_millis(500);

/// One line on standard error, written anew. Where that is no terminal, nothing.
pub(super) struct Progress {
    shown: bool,
    said: Instant,
    /// What is counted, since when, and how many they are so far.
    counting: Option<(&'static str, Instant, i64)>,
}

impl Default for Progress {
    fn default() -> Self {
        Self { shown: stderr().is_terminal(), said: Instant::now(), counting: None }
    }
}

impl Progress {
    /// So many more have been looked at, of so many in all where that is known.
    pub(super) fn add(&mut self, what: &'static str, more: i64, total: Option<i64>) {
        if !self.shown {
            return;
        }
        let (since, before) = match self.counting {
            Some((counted, since, count)) if counted == what => (since, count),
            _ => (Instant::now(), 0),
        };
        let count = before + more;
        self.counting = Some((what, since, count));
        if self.said.elapsed() < INTERVAL {
            return;
        }
        self.said = Instant::now();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = count as f64 / since.elapsed().as_secs_f64().max(0.001);
        let of = total.map_or_else(String::new, |total| format!(" of {total}"));
        // There is nowhere to say that it could not be said.
        let _ = write!(stderr(), "\r\x1b[K{what}: {count}{of}, {rate:.0}/s");
    }

    /// Clears the line.
    pub(super) fn end(&mut self) {
        if self.shown && self.counting.take().is_some() {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
