//! A panic as a log line, written before the process can end.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::sync::Arc;
use std::thread;

use super::FLUSH_PATIENCE;
use super::sink::Sink;

/// Replaces the hook that prints to standard error.
pub(super) fn report(sink: Arc<Sink>) {
    panic::set_hook(Box::new(move |panic| {
        log(panic);
        sink.flush(FLUSH_PATIENCE);
    }));
}

/// The line has the fields of the record at hand, as every other one.
fn log(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload_as_str().unwrap_or("a panic without text");
    let location = panic.location().map(tracing::field::display);
    // Captured only where `RUST_BACKTRACE` asks for it.
    let backtrace = Backtrace::capture();
    let backtrace =
        (backtrace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(&backtrace));
    let thread = thread::current();
    tracing::error!(panic = payload, location, thread = thread.name(), backtrace, "panicked");
}
