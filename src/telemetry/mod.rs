//! The worker's log: one line on standard output for each thing worth telling, as JSON or for a terminal.
//!
//! An event becomes text in `layer` (its values in `fields`, the line in `json` or `pretty`, the time in
//! `clock`), passes `sink`, and is written by the thread named `log`. `filter` decides what is worth it.

mod clock;
pub(crate) mod escape;
mod fields;
mod filter;
mod json;
mod layer;
mod panics;
mod pretty;
mod sink;
#[cfg(test)]
mod tests;

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

pub use filter::{FilterFault, check};
use layer::LogLayer;
use pretty::Style;
use sink::Sink;

/// How long the end of the process waits for whoever reads standard output.
const FLUSH_PATIENCE: Duration = Duration::from_secs(2);

/// What a line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object.
    Json,
    /// For a person, in colours where standard output is a terminal and `NO_COLOR` is not set.
    Pretty,
}

impl Format {
    /// The format that was asked for; otherwise pretty on a terminal and JSON everywhere else.
    #[must_use]
    pub fn for_stdout(asked: Option<Self>) -> Self {
        let usual = if io::stdout().is_terminal() { Self::Pretty } else { Self::Json };
        asked.unwrap_or(usual)
    }
}

/// The log could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LogFault {
    /// The filter is wrong: a fault of the settings.
    #[error(transparent)]
    Filter(#[from] FilterFault),
    /// There is no standard output or no thread to write to it.
    #[error("standard output cannot be used for the log")]
    Output(#[from] io::Error),
    /// This process has a log already.
    #[error("the log was started twice")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Keeps the log; dropping it writes what is pending. A process that ends by
/// [`std::process::exit`] calls [`flush`](Self::flush) first.
#[derive(Debug)]
#[must_use = "dropping the guard ends the log"]
pub struct LogGuard {
    sink: Arc<Sink>,
}

impl LogGuard {
    /// Waits until every line so far is written, but no longer than two seconds: whoever reads standard
    /// output may have stopped.
    pub fn flush(&self) {
        self.sink.flush(FLUSH_PATIENCE);
    }

    /// How many lines were lost because standard output is broken.
    #[must_use]
    pub fn dropped_lines(&self) -> u64 {
        self.sink.dropped_lines()
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.flush();
        self.sink.close();
    }
}

/// Starts the log of this process and reports panics to it.
///
/// `filter` is the value of `RUST_LOG` or `LOG_LEVEL`. Spans at ERROR exist whatever it says, and
/// `tokio_postgres` is never heard below INFO, since it prints parameters there. Fails when the filter
/// cannot be read, standard output cannot be used, or it is called twice.
pub fn start(format: Format, filter: &str) -> Result<LogGuard, LogFault> {
    let filter = filter::parse(filter)?;
    let stdout = io::stdout();
    // Written past std's line buffer, which would copy every line once more.
    let sink = Sink::start(File::from(stdout.as_fd().try_clone_to_owned()?))?;
    let colours = stdout.is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let style = Style { colours, ..Style::default() };
    let layer = LogLayer { format, style, output: Arc::clone(&sink) };
    Registry::default().with(layer.with_filter(filter)).try_init()?;
    panics::report(Arc::clone(&sink));
    Ok(LogGuard { sink })
}
