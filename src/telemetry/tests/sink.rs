//! The way from a line to standard output.

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use super::super::layer::Output;
use super::super::sink::Sink;

const LONG: Duration = Duration::from_secs(30);

/// A writer whose pace the test decides.
#[derive(Clone, Default)]
struct Pipe(Arc<(Mutex<PipeState>, Condvar)>);

#[derive(Default)]
struct PipeState {
    written: Vec<u8>,
    writes: usize,
    stalled: bool,
    failure: Option<ErrorKind>,
    /// The most that one write takes; 0 is everything.
    mouthful: usize,
}

impl Pipe {
    fn set(&self, change: impl FnOnce(&mut PipeState)) {
        change(&mut self.0.0.lock().expect("no test panics in here"));
        self.0.1.notify_all();
    }

    fn get<T>(&self, read: impl FnOnce(&PipeState) -> T) -> T {
        read(&self.0.0.lock().expect("no test panics in here"))
    }

    fn text(&self) -> String {
        self.get(|state| String::from_utf8(state.written.clone()).expect("text"))
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let state = self.0.0.lock().expect("no test panics in here");
        let mut state = self.0.1.wait_while(state, |state| state.stalled).expect("no test panics in here");
        state.writes += 1;
        match state.failure {
            // Now and then, so that the rest gets through.
            Some(kind @ (ErrorKind::Interrupted | ErrorKind::WouldBlock))
                if state.writes.is_multiple_of(2) =>
            {
                return Err(kind.into());
            }
            Some(ErrorKind::BrokenPipe) => return Err(ErrorKind::BrokenPipe.into()),
            _ => {}
        }
        let taken = if state.mouthful == 0 { bytes.len() } else { bytes.len().min(state.mouthful) };
        state.written.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Eight threads, 5,000 numbered lines each: several times the buffer.
fn log_from_many_threads(sink: &Arc<Sink>) {
    thread::scope(|scope| {
        for number in 0..8 {
            scope.spawn(move || {
                for line in 0..5000 {
                    sink.append(&format!("{number} {line} {}\n", "x".repeat(40)));
                }
            });
        }
    });
}

/// Waits until lines are pending that the stalled writer does not take.
fn wait_until_full(sink: &Arc<Sink>) {
    while sink.flush(Duration::from_millis(5)) {}
}

fn assert_complete(text: &str) {
    let mut next = [0; 8];
    for line in text.lines() {
        let mut words = line.split(' ');
        let number: usize = words.next().and_then(|word| word.parse().ok()).expect("a thread's number");
        assert_eq!(words.next(), Some(next[number].to_string().as_str()));
        next[number] += 1;
    }
    assert_eq!(next, [5000; 8]);
}

#[test]
fn no_line_is_lost_or_torn_when_many_threads_log_and_flush() {
    for (failure, mouthful) in
        [(None, 0), (Some(ErrorKind::Interrupted), 1000), (Some(ErrorKind::WouldBlock), 20_000)]
    {
        let pipe = Pipe::default();
        pipe.set(|state| (state.failure, state.mouthful) = (failure, mouthful));
        let sink = Sink::start(pipe.clone()).expect("a thread");
        log_from_many_threads(&sink);
        assert!(sink.flush(LONG));
        assert_complete(&pipe.text());
        assert_eq!(sink.dropped_lines(), 0);
    }
}

#[test]
fn a_slow_reader_holds_the_logging_threads_and_loses_nothing() {
    let pipe = Pipe::default();
    pipe.set(|state| state.stalled = true);
    let sink = Sink::start(pipe.clone()).expect("a thread");
    thread::scope(|scope| {
        let logging = scope.spawn(|| log_from_many_threads(&sink));
        wait_until_full(&sink);
        let held = !logging.is_finished();
        pipe.set(|state| state.stalled = false);
        assert!(held);
    });
    assert!(sink.flush(LONG));
    assert_complete(&pipe.text());
}

#[test]
fn a_burst_is_one_write() {
    let pipe = Pipe::default();
    pipe.set(|state| state.stalled = true);
    let sink = Sink::start(pipe.clone()).expect("a thread");
    (0..1000).for_each(|_| sink.append("line\n"));
    pipe.set(|state| state.stalled = false);
    assert!(sink.flush(LONG));
    // What had gathered before the writer stalled, and the rest.
    assert!(pipe.get(|state| state.writes) <= 2);
}

#[test]
fn a_line_longer_than_the_buffer_passes() {
    let pipe = Pipe::default();
    let sink = Sink::start(pipe.clone()).expect("a thread");
    let long = format!("{}\n", "x".repeat(1 << 20));
    sink.append(&long);
    sink.append("short\n");
    assert!(sink.flush(LONG));
    assert_eq!(pipe.text(), long + "short\n");
}

#[test]
fn broken_output_blocks_nobody_and_every_lost_line_is_counted() {
    let pipe = Pipe::default();
    pipe.set(|state| state.failure = Some(ErrorKind::BrokenPipe));
    let sink = Sink::start(pipe.clone()).expect("a thread");
    log_from_many_threads(&sink);
    assert!(sink.flush(LONG));
    assert_eq!(sink.dropped_lines(), 40_000);
    // Standard output can come back: a full disk that is cleared.
    pipe.set(|state| state.failure = None);
    sink.append("again\n");
    assert!(sink.flush(LONG));
    assert_eq!(pipe.text(), "again\n");
}

#[test]
fn after_closing_a_dead_reader_holds_nobody() {
    let pipe = Pipe::default();
    pipe.set(|state| state.stalled = true);
    let sink = Sink::start(pipe.clone()).expect("a thread");
    thread::scope(|scope| {
        scope.spawn(|| log_from_many_threads(&sink));
        wait_until_full(&sink);
        sink.close();
    });
    let dropped = sink.dropped_lines();
    assert!(dropped > 0);
    pipe.set(|state| state.stalled = false);
    assert!(sink.flush(LONG));
    assert_eq!(pipe.text().lines().count() as u64 + dropped, 40_000);
}
