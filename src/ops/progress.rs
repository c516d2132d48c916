//! How far a long command has come, said on standard error.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How often something is said: on a terminal, where the line is written over, and elsewhere.
const ON_TERMINAL: Duration = Duration::from_millis(200);
const ELSEWHERE: Duration = Duration::from_secs(5);

/// A count that grows.
pub(super) struct Progress {
    what: &'static str,
    total: u64,
    terminal: bool,
    said: Instant,
    shown: bool,
}

impl Progress {
    pub(super) fn new(what: &'static str, total: u64) -> Self {
        let terminal = io::stderr().is_terminal();
        Self { what, total, terminal, said: Instant::now(), shown: false }
    }

    /// Tells how many are done, where it is time to.
    pub(super) fn at(&mut self, done: u64) {
        let interval = if self.terminal { ON_TERMINAL } else { ELSEWHERE };
        if self.said.elapsed() < interval {
            return;
        }
        self.said = Instant::now();
        self.shown = true;
        let (what, total) = (self.what, self.total);
        let (begin, end) = if self.terminal { ("\r\x1b[K", "") } else { ("", "\n") };
        // There is nowhere else to say that it could not be said.
        let _ = write!(io::stderr(), "{begin}{what}: {done} of {total}{end}");
    }
}

impl Drop for Progress {
    /// Leaves the terminal's line.
    fn drop(&mut self) {
        if self.terminal && self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
