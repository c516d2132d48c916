//! Where lines wait for standard output: a bounded buffer that one thread, named `log`, drains.
//!
//! A burst of lines becomes one write. When the reader of standard output is slower than the worker, the
//! buffer fills and whoever logs waits: nothing is dropped. When standard output is broken, lines are
//! dropped and counted, and nobody waits.

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::layer::Output;

/// Lines wait in at most this much memory, and once more as much while it is written.
const CAPACITY: usize = 256 * 1024;
/// The thread lets lines gather for this long, unless half of the buffer is full or somebody flushes.
const GATHER: Duration = Duration::from_millis(2);
/// The pause before standard output that takes nothing now (`EAGAIN`) is tried again.
const RETRY: Duration = Duration::from_millis(1);

/// The buffer in front of one writer.
#[derive(Debug, Default)]
pub(super) struct Sink {
    state: Mutex<State>,
    /// There is something to write, or a reason to hurry.
    work: Condvar,
    /// There is room again, or nobody is to wait for it any more.
    room: Condvar,
    /// Something was written.
    progress: Condvar,
}

#[derive(Debug, Default)]
struct State {
    pending: Vec<u8>,
    /// Bytes taken, and bytes that were written or given up, since the start.
    taken: u64,
    settled: u64,
    dropped_lines: u64,
    /// The writer sleeps until there is a line.
    idle: bool,
    /// The writer is not to gather.
    hurry: bool,
    /// Appending never waits any more.
    closing: bool,
}

impl Sink {
    /// Starts the thread that writes to `writer`.
    pub(super) fn start(writer: impl Write + Send + 'static) -> io::Result<Arc<Self>> {
        let sink = Arc::new(Self::default());
        let drained = Arc::clone(&sink);
        thread::Builder::new().name("log".to_owned()).spawn(move || drained.drain(writer))?;
        Ok(sink)
    }

    /// Waits until every line taken so far was written; `false` when that took longer than `patience`.
    pub(super) fn flush(&self, patience: Duration) -> bool {
        let mut state = self.lock();
        let goal = state.taken;
        state.hurry = true;
        self.work.notify_one();
        let unsettled = |state: &mut State| state.settled < goal;
        let (state, _) = self
            .progress
            .wait_timeout_while(state, patience, unsettled)
            .unwrap_or_else(PoisonError::into_inner);
        state.settled >= goal
    }

    /// From now on appending drops a line rather than wait.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.room.notify_all();
    }

    /// How many lines standard output did not take.
    pub(super) fn dropped_lines(&self) -> u64 {
        self.lock().dropped_lines
    }

    fn drain(&self, mut writer: impl Write) {
        let mut batch = Vec::new();
        loop {
            self.gather(&mut batch);
            self.room.notify_all();
            let unwritten = write(&mut writer, &batch).err().unwrap_or_default();
            let mut state = self.lock();
            state.settled += count(batch.len());
            state.dropped_lines += unwritten;
            drop(state);
            self.progress.notify_all();
            batch.clear();
        }
    }

    /// Waits for lines, lets more of them gather, and takes them all.
    fn gather(&self, batch: &mut Vec<u8>) {
        let mut state = self.lock();
        while state.pending.is_empty() {
            state.idle = true;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.idle = false;
        let (mut state, _) = self
            .work
            .wait_timeout_while(state, GATHER, |state| !state.hurry)
            .unwrap_or_else(PoisonError::into_inner);
        state.hurry = false;
        std::mem::swap(&mut state.pending, batch);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Output for Arc<Sink> {
    fn append(&self, line: &str) {
        let mut state = self.lock();
        // A line longer than the whole buffer passes when it is alone.
        while !state.pending.is_empty() && state.pending.len() + line.len() > CAPACITY {
            if state.closing {
                state.dropped_lines += 1;
                return;
            }
            state.hurry = true;
            self.work.notify_one();
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.pending.extend_from_slice(line.as_bytes());
        state.taken += count(line.len());
        let half_full = !state.hurry && state.pending.len() > CAPACITY / 2;
        if state.idle || half_full {
            state.hurry |= half_full;
            state.idle = false;
            self.work.notify_one();
        }
    }
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

/// Writes everything, or says how many lines are lost because the writer is broken.
fn write(writer: &mut impl Write, mut bytes: &[u8]) -> Result<(), u64> {
    while !bytes.is_empty() {
        match writer.write(bytes) {
            Ok(written) if written > 0 => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Standard output shares its mode with whoever else has it: another program made it so.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
            Ok(_) | Err(_) => return Err(count(bytes.split(|&byte| byte == b'\n').skip(1).count())),
        }
    }
    Ok(())
}
