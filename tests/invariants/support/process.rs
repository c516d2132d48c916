//! A worker process: the real binary, its log kept as parsed lines.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::Value;
use stack::{Ending, Output, Process, Scratch, Signal};

use super::eventually;

/// A running worker. Killed when dropped.
pub struct Worker {
    process: Process,
    log: PathBuf,
}

impl Worker {
    /// Starts `worker` with these arguments and settings.
    pub fn start(scratch: &Scratch, name: &str, arguments: &[&str], settings: &[(String, String)]) -> Self {
        Self::start_build(Path::new(env!("CARGO_BIN_EXE_worker")), scratch, name, arguments, settings)
    }

    /// The same with another build of the binary.
    pub fn start_build(
        build: &Path,
        scratch: &Scratch,
        name: &str,
        arguments: &[&str],
        settings: &[(String, String)],
    ) -> Self {
        let mut command = Command::new(build);
        command.args(arguments);
        for name in ["RUST_LOG", "NO_COLOR", "RUST_BACKTRACE"] {
            command.env_remove(name);
        }
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        Self::by(scratch, name, &command)
    }

    /// Starts a worker by this command.
    pub fn by(scratch: &Scratch, name: &str, command: &Command) -> Self {
        let process = Process::start(scratch, name, Ending::Kill, Output::Log, command).unwrap();
        let log = process.log().to_owned();
        Self { process, log }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Kills it as a crash would (`SIGKILL`).
    pub async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    /// Sends it a signal.
    pub fn signal(&mut self, signal: Signal) {
        self.process.signal(signal).unwrap();
    }

    /// Waits for its end; fails when it takes longer.
    pub async fn ended_within(&mut self, limit: Duration) -> ExitStatus {
        match self.process.wait(limit).await.unwrap() {
            Some(status) => status,
            None => panic!("the worker still runs after {limit:?}; its log:\n{}", self.text()),
        }
    }

    /// The exit status, if it has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.process.exited().unwrap()
    }

    /// Asks it to stop (`SIGTERM`), expects that it ends with 0, and returns its log lines.
    pub async fn stop(self) -> Vec<Value> {
        parsed(&self.stop_and_show().await)
    }

    /// Asks it to stop (`SIGTERM`), expects that it ends with 0, and returns everything it has written.
    pub async fn stop_and_show(mut self) -> String {
        self.signal(Signal::TERM);
        let status = self.ended_within(Duration::from_secs(35)).await;
        assert!(status.success(), "the worker ended with {status}; its log:\n{}", self.text());
        self.text()
    }

    /// The most memory that it has held so far (resident, in bytes).
    pub fn peak_memory(&self) -> u64 {
        self.peak_memory_so_far().unwrap()
    }

    /// The same; none once it has ended.
    pub fn peak_memory_so_far(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024)
    }

    /// The memory that it holds now (resident, in bytes).
    pub fn memory(&self) -> u64 {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.process.id())).unwrap();
        statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    }

    /// How many file descriptors it has open.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap().count()
    }

    /// Everything it has written.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Its log lines; lines that are not JSON (a fatal fault's last line) are left out.
    pub fn lines(&self) -> Vec<Value> {
        parsed(&self.text())
    }

    /// The log lines with this message.
    pub fn lines_with(&self, message: &str) -> Vec<Value> {
        self.lines().into_iter().filter(|line| line["msg"].as_str() == Some(message)).collect()
    }

    /// Waits for a log line with this message, and returns the first.
    pub async fn said(&mut self, message: &str) -> Value {
        eventually(message, async || {
            if let Some(line) = self.lines_with(message).into_iter().next() {
                return Ok(Some(line));
            }
            match self.exited() {
                Some(status) => panic!("ended with {status} before it said {message:?}:\n{}", self.text()),
                None => Ok::<_, ()>(None),
            }
        })
        .await
    }
}

fn parsed(text: &str) -> Vec<Value> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
